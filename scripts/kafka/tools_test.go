package kafka

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"tributary/deploy/embedded"
)

// toolbox runs Apache Kafka's command-line tools against one broker.
type toolbox struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	broker  string
	command string // the properties file with the login
}

// openTools starts Java with the tools; the test is skipped, saying what to install, where it cannot.
func openTools(t *testing.T, broker string, properties []byte) *toolbox {
	t.Helper()
	for _, program := range []string{"java", "javac"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed here (Debian: apt-get install default-jdk-headless maven)", program)
		}
	}
	fetch := exec.CommandContext(testContext(t), "bash", "kafka", "tools")
	libraries, err := fetch.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && failed.ExitCode() == exitMissing {
		t.Skipf("no Apache Kafka on this machine: %s", failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := &toolbox{t: t, broker: broker, command: filepath.Join(t.TempDir(), "client.properties")}
	if err := os.WriteFile(b.command, properties, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	java := exec.CommandContext(ctx, "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp",
		filepath.Join(strings.TrimSpace(string(libraries)), "*"), filepath.Join("testdata", "Tools.java"))
	java.Stderr = os.Stderr
	in, err := java.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := java.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := java.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = in.Close()
		_ = java.Wait() // it was killed
	})
	b.in, b.out = in, bufio.NewReaderSize(out, 1<<20)
	return b
}

// run runs a tool; in its arguments BROKER and PROPERTIES stand for the broker's address and the file with the login.
func (b *toolbox) run(input, class string, arguments ...string) (code int, output string) {
	b.t.Helper()
	call := []string{class, input}
	for _, argument := range arguments {
		call = append(call, strings.NewReplacer("BROKER", b.broker, "PROPERTIES", b.command).Replace(argument))
	}
	if _, err := fmt.Fprintln(b.in, base64.StdEncoding.EncodeToString([]byte(strings.Join(call, "\x00")))); err != nil {
		b.t.Fatalf("%v: %v", call, err)
	}
	line, err := b.out.ReadString('\n')
	if err != nil {
		b.t.Fatalf("%v: %v", call, err)
	}
	codeText, encoded, _ := strings.Cut(strings.TrimSpace(line), " ")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if _, scanErr := fmt.Sscan(codeText, &code); err != nil || scanErr != nil {
		b.t.Fatalf("%v: %q", call, line)
	}
	return code, string(raw)
}

// classes are the tools' by the names of the scripts that start them.
var classes = map[string]string{
	"kafka-topics":              "org.apache.kafka.tools.TopicCommand",
	"kafka-configs":             "kafka.admin.ConfigCommand",
	"kafka-consumer-groups":     "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
	"kafka-groups":              "org.apache.kafka.tools.GroupsCommand",
	"kafka-share-groups":        "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
	"kafka-streams-groups":      "org.apache.kafka.tools.streams.StreamsGroupCommand",
	"kafka-get-offsets":         "org.apache.kafka.tools.GetOffsetShell",
	"kafka-console-producer":    "org.apache.kafka.tools.ConsoleProducer",
	"kafka-console-consumer":    "org.apache.kafka.tools.consumer.ConsoleConsumer",
	"kafka-producer-perf-test":  "org.apache.kafka.tools.ProducerPerformance",
	"kafka-transactions":        "org.apache.kafka.tools.TransactionsCommand",
	"kafka-acls":                "org.apache.kafka.tools.AclCommand",
	"kafka-log-dirs":            "org.apache.kafka.tools.LogDirsCommand",
	"kafka-cluster":             "org.apache.kafka.tools.ClusterTool",
	"kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
	"kafka-leader-election":     "org.apache.kafka.tools.LeaderElectionCommand",
	"kafka-delete-records":      "org.apache.kafka.tools.DeleteRecordsCommand",
	"kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
	"kafka-features":            "org.apache.kafka.tools.FeatureCommand",
	"kafka-client-metrics":      "org.apache.kafka.tools.ClientMetricsCommand",
	"kafka-metadata-quorum":     "org.apache.kafka.tools.MetadataQuorumCommand",
	"kafka-delegation-tokens":   "org.apache.kafka.tools.DelegationTokenCommand",
}

// aCall is a command line, what it reads, and what it must say. refused: it ends with an error that says so, which
// Java's tools show with their stack.
type aCall struct {
	line, input, says string
	refused           bool
}

// TestCommandLineToolsAreServed walks Apache Kafka's tools over the embedded broker in the order in which a person
// would use them: each does what it is for, or says what is not offered.
func TestCommandLineToolsAreServed(t *testing.T) {
	login := embedded.Login{User: "tributary", Password: "3f8a9c0d5e6b7a81"}
	folder := t.TempDir()
	broker, err := embedded.NewKafka("127.0.0.1:0", folder, zap.NewNop(), embedded.WithLogin(login))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	tools := openTools(t, broker.Address(), embedded.JavaConfig(broker.Address(), "SCRAM-SHA-256", login))
	files := t.TempDir()
	for name, content := range map[string]string{
		"delete.json": `{"partitions":[{"topic":"t","partition":0,"offset":0}],"version":1}`,
		"move.json":   `{"topics":[{"topic":"t"}],"version":1}`,
		"moved.json":  `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[0],"log_dirs":["any"]}]}`,
	} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, call := range []aCall{
		{line: "kafka-topics --describe"}, // where there are none
		{line: "kafka-consumer-groups --describe --all-groups"},
		{line: "kafka-topics --create --topic t --partitions 1 --replication-factor 1 --config retention.ms=86400000",
			says: "Created topic t."},
		{line: "kafka-topics --create --topic t --partitions 1", says: "already exists", refused: true},
		{line: "kafka-topics --list", says: "t\n"},
		{line: "kafka-topics --describe --topic t", says: "Leader: 0\tReplicas: 0\tIsr: 0\tElr: \tLastKnownElr: "},
		{line: "kafka-topics --describe", says: "PartitionCount: 1\tReplicationFactor: 1\tConfigs: retention.ms=86400000\n"},
		{line: "kafka-topics --describe --topic none", says: "Topic 'none' does not exist", refused: true},
		{line: "kafka-topics --describe --under-replicated-partitions"},
		{line: "kafka-topics --alter --topic t --partitions 2"},
		{line: "kafka-console-producer --topic t", input: "a\nb\nc\n"},
		{line: "kafka-producer-perf-test --topic t --num-records 100 --record-size 50 --throughput -1",
			says: "100 records sent"},
		{line: "kafka-console-consumer --topic t --from-beginning --max-messages 103 --timeout-ms 20000 --group g",
			says: "Processed a total of 103 messages"},
		{line: "kafka-console-consumer --topic t --from-beginning --max-messages 103 --timeout-ms 20000 --group newer " +
			"--command-property group.protocol=consumer", says: "Processed a total of 103 messages"},
		{line: "kafka-consumer-groups --list", says: "newer"},
		{line: "kafka-consumer-groups --list --state empty", says: "g  "},
		{line: "kafka-consumer-groups --describe --group g", says: "has no active members."},
		{line: "kafka-consumer-groups --describe --group newer", says: "LOG-END-OFFSET"},
		{line: "kafka-consumer-groups --describe --all-groups --state", says: "Empty"},
		{line: "kafka-consumer-groups --describe --all-groups --members --verbose", says: "CURRENT-ASSIGNMENT"},
		{line: "kafka-consumer-groups --describe --group none", says: "The group id does not exist", refused: true},
		{line: "kafka-consumer-groups --group g --reset-offsets --to-earliest --topic t --execute", says: "NEW-OFFSET"},
		{line: "kafka-consumer-groups --group g --delete-offsets --topic t", says: "Successful"},
		{line: "kafka-consumer-groups --group g --delete", says: "was successful"},
		{line: "kafka-groups --list", says: "newer"},
		{line: "kafka-share-groups --list"},
		{line: "kafka-share-groups --describe --group s", says: "s", refused: true},
		{line: "kafka-streams-groups --list"},
		{line: "kafka-get-offsets --topic t", says: "t:0:"},
		{line: "kafka-get-offsets --topic t --time earliest", says: "t:1:0"},
		{line: "kafka-get-offsets --topic t --time max-timestamp", says: "t:"},
		{line: "kafka-get-offsets --topic t --time -4", says: "t:0:0"},
		{line: "kafka-get-offsets --topic t --time -5"},
		{line: "kafka-configs --describe --entity-type topics --entity-name t", says: "retention.ms=86400000"},
		{line: "kafka-configs --describe --entity-type topics --entity-name t --all", says: "segment.bytes=33554432"},
		{line: "kafka-configs --alter --entity-type topics --entity-name t --add-config retention.ms=172800000",
			says: "Completed updating"},
		{line: "kafka-configs --describe --entity-type brokers --entity-name 0 --all",
			says: "offsets.retention.minutes=576000"},
		{line: "kafka-configs --describe --entity-type broker-loggers --entity-name 0", says: "broker-logger 0"},
		{line: "kafka-configs --describe --entity-type users"},
		{line: "kafka-configs --describe --entity-type users --entity-name nobody"},
		{line: "kafka-configs --describe --entity-type clients"},
		{line: "kafka-configs --describe --entity-type groups", says: "newer"},
		{line: "kafka-configs --alter --entity-type clients --entity-name c --add-config producer_byte_rate=1000",
			says: "does not support ALTER_CLIENT_QUOTAS", refused: true},
		{line: "kafka-configs --alter --entity-type users --entity-name u --add-config SCRAM-SHA-256=[password=x]",
			says: "does not support ALTER_USER_SCRAM_CREDENTIALS", refused: true},
		{line: "kafka-transactions list", says: "TransactionalId"},
		{line: "kafka-transactions describe --transactional-id none", says: "could not be found", refused: true},
		{line: "kafka-transactions describe-producers --topic t --partition 0", says: "ProducerId"},
		{line: "kafka-transactions find-hanging --broker-id 0", says: "Topic"},
		{line: "kafka-acls --list", says: "no access rules are kept", refused: true},
		{line: "kafka-acls --add --allow-principal User:x --operation Read --topic t", says: "no access rules are kept",
			refused: true},
		{line: "kafka-log-dirs --describe", says: folder},
		{line: "kafka-log-dirs --describe --topic-list t", says: `"partition":"t-1"`},
		{line: "kafka-cluster cluster-id", says: "Cluster ID: "},
		{line: "kafka-cluster list-endpoints", says: "unfenced"},
		{line: "kafka-cluster unregister --id 9", says: "does not support the broker unregistration API"},
		{line: "kafka-broker-api-versions", says: "DescribeTopicPartitions(75): 0"},
		{line: "kafka-leader-election --election-type preferred --all-topic-partitions"},
		{line: "kafka-leader-election --election-type unclean --topic t --partition 0",
			says: "Valid replica already elected for partitions t-0"},
		{line: "kafka-delete-records --offset-json-file " + files + "/delete.json", says: "partition: t-0\tlow_watermark: "},
		{line: "kafka-reassign-partitions --topics-to-move-json-file " + files + "/move.json --broker-list 0 --generate",
			says: "Proposed partition reassignment"},
		{line: "kafka-reassign-partitions --reassignment-json-file " + files + "/moved.json --execute",
			says: "does not support ALTER_PARTITION_REASSIGNMENTS", refused: true},
		{line: "kafka-reassign-partitions --list", says: "No partition reassignments found."},
		{line: "kafka-features describe", says: "transaction.version"},
		{line: "kafka-features upgrade --feature group.version=1", says: "does not support UPDATE_FEATURES", refused: true},
		{line: "kafka-client-metrics --list"},
		{line: "kafka-metadata-quorum describe --status", says: "does not support DESCRIBE_QUORUM", refused: true},
		{line: "kafka-delegation-tokens --describe", says: "does not support DESCRIBE_DELEGATION_TOKEN", refused: true},
		{line: "kafka-topics --delete --topic t"},
		{line: "kafka-consumer-groups --describe --group newer"}, // whose topic is gone
		{line: "kafka-consumer-groups --group newer --delete", says: "was successful"},
		{line: "kafka-get-offsets --topic t", says: "Could not match any topic-partitions", refused: true},
	} {
		words := strings.Fields(call.line)
		name, arguments := words[0], words[1:]
		connection := []string{"--bootstrap-server", "BROKER", "--command-config", "PROPERTIES"}
		switch name {
		case "kafka-transactions", "kafka-features", "kafka-metadata-quorum": // before what they are to do
			arguments = append(connection, arguments...)
		default:
			arguments = append(arguments, connection...)
		}
		code, out := tools.run(call.input, classes[name], arguments...)
		unclear := strings.Contains(out, "NullPointerException") || strings.Contains(out, " is null") ||
			strings.Contains(out, "TimeoutException") || !call.refused && strings.Contains(out, "\tat ")
		// Some tools report an error and end with 0 all the same.
		if unclear || !strings.Contains(out, call.says) || !call.refused && code != 0 {
			t.Errorf("%s: exit code %d, want %q:\n%.2000s", call.line, code, call.says, out)
		}
	}
}
