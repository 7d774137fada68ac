package cli

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"tributary/deploy/config"
	"tributary/deploy/process"
)

type composeFile struct {
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
	Secrets  map[string]struct {
		Environment string `yaml:"environment"`
	} `yaml:"secrets"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Secrets     []string          `yaml:"secrets"`
	DependsOn   any               `yaml:"depends_on"`
	Health      struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
	StopGrace string `yaml:"stop_grace_period"`
}

var repository = func() string {
	path, err := filepath.Abs("..") // tests leave this folder
	if err != nil {
		panic(err)
	}
	return path
}()

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// imageVariables are the Dockerfile's ENV, and ports its EXPOSE.
func image(t *testing.T) (environ []string, ports []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository, "deploy/docker/Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, line := range regexp.MustCompile(`(?m)^ENV (.*)$`).FindAllStringSubmatch(text, -1) {
		environ = append(environ, strings.Fields(line[1])...)
	}
	for _, line := range regexp.MustCompile(`(?m)^EXPOSE (.*)$`).FindAllStringSubmatch(text, -1) {
		ports = append(ports, strings.Fields(line[1])...)
	}
	if !regexp.MustCompile(`(?m)^USER 10001:10001$`).MatchString(text) {
		t.Error("the image's last user is not the unprivileged one")
	}
	return environ, ports
}

var substitution = regexp.MustCompile(`\$\{([A-Z_]+):\?[^}]*\}`)

// given stands for what the operator exports.
var given = map[string]string{
	"CLICKHOUSE_PASSWORD":                  "secret",
	"TRIBUTARY_CATALOG_CLICK_ID_KEYS_KEYS": "1=0123456789abcdef0123456789abcdef",
	"TRIBUTARY_OPS_TOKEN":                  "0123456789abcdef",
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatalf("%q: %v", address, err)
	}
	return port
}

// consoleOfCompose: this machine alone reaches the console, at the address that its links have.
func consoleOfCompose(t *testing.T, service composeService, c *config.Config, exposed []string) {
	t.Helper()
	port := portOf(t, c.Console.Listen)
	if !slices.Contains(exposed, port) {
		t.Errorf("the image does not expose the console's port %s", port)
	}
	if want := []string{"127.0.0.1:" + port + ":" + port}; !slices.Equal(service.Ports, want) || c.Console.PublicURL != "http://127.0.0.1:"+port {
		t.Errorf("the console is published as %v and calls itself %s, want %v", service.Ports, c.Console.PublicURL, want)
	}
}

// The compose file speaks of the program as it is: its commands, variables, ports and routes.
func TestComposeFitsTheProgram(t *testing.T) {
	var compose composeFile
	readYAML(t, "docker-compose.yml", &compose)
	ofImage, exposed := image(t)
	sections := map[string][]string{
		"ingest": {config.SectionIngest, config.SectionCatalog}, "process": {config.SectionProcessor}, "sink": {config.SectionSink}, "migrate": {},
		"console": {config.SectionConsole},
	}
	opsPort := ""
	known := map[string]bool{}
	for _, c := range newRoot(&environment{}).Commands() {
		known[c.Name()] = true
	}
	for name, wanted := range sections {
		service, ok := compose.Services[name]
		if !ok {
			t.Errorf("there is no service %s", name)
			continue
		}
		if len(service.Command) != 1 || !known[service.Command[0]] {
			t.Errorf("%s runs %q, want one known command", name, service.Command)
		}
		environ := slices.Clone(ofImage)
		for variable, value := range service.Environment {
			environ = append(environ, variable+"="+substitution.ReplaceAllStringFunc(value, func(m string) string {
				return given[substitution.FindStringSubmatch(m)[1]]
			}))
		}
		mounted := slices.ContainsFunc(service.Volumes, func(v string) bool {
			return strings.HasPrefix(v, "./deploy/docker/tributary.yaml:"+service.Environment[config.FileVariable]+":")
		})
		if !mounted {
			t.Errorf("%s: %s names %q, which no volume mounts", name, config.FileVariable, service.Environment[config.FileVariable])
		}
		loaded, err := config.Load(config.Sources{
			File: filepath.Join(repository, "deploy/docker/tributary.yaml"), Environ: environ, Sections: wanted,
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := loaded.Config
		if err := needExternal(&c, "", name, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if grace, err := time.ParseDuration(service.StopGrace); err != nil || grace <= c.Ops.DrainTimeout {
			t.Errorf("%s: stop_grace_period %q is not longer than ops.drain_timeout %v", name, service.StopGrace, c.Ops.DrainTimeout)
		}
		if kafka := compose.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"]; kafka != "PLAINTEXT://"+strings.Join(c.Kafka.Brokers, ",") {
			t.Errorf("%s reaches Kafka at %v, which advertises %s", name, c.Kafka.Brokers, kafka)
		}
		if host, port, err := net.SplitHostPort(c.ClickHouse.Addr); err != nil || compose.Services[host].Image == "" || port != "9000" || c.ClickHouse.Protocol != config.ProtocolNative {
			t.Errorf("%s reaches ClickHouse at %s over %s, want the service's native port", name, c.ClickHouse.Addr, c.ClickHouse.Protocol)
		}
		if c.Ops.Token == "" || c.Ops.Open || c.Ingest.Trust.ManagementRoutes {
			t.Errorf("%s tells strangers what is inside", name)
		}
		opsPort = portOf(t, c.Ops.Listen)
		serves := map[string]string{"ingest": c.Ingest.Listen, "process": c.Ops.Listen, "sink": c.Ops.Listen}[name]
		if name == "console" {
			consoleOfCompose(t, service, &c, exposed)
			continue
		}
		if serves == "" {
			continue // migrate ends
		}
		port := portOf(t, serves)
		if host, _, err := net.SplitHostPort(serves); err != nil || host != "" {
			t.Errorf("%s listens on %s inside its container, want every address", name, serves)
		}
		if !slices.Contains(exposed, port) {
			t.Errorf("the image does not expose %s's port %s", name, port)
		}
		if len(service.Health.Test) == 0 {
			t.Errorf("%s has no health check", name)
			continue
		}
		check, err := url.Parse(service.Health.Test[len(service.Health.Test)-1])
		if err != nil || check.Port() != port || check.Path != process.RouteReady {
			t.Errorf("%s's health check asks %s, want port %s and %s", name, check, port, process.RouteReady)
		}
		for _, published := range service.Ports {
			if inner := published[strings.LastIndexByte(published, ':')+1:]; inner != port {
				t.Errorf("%s publishes %s, want its port %s", name, published, port)
			}
		}
	}
	for name, service := range compose.Services {
		for _, v := range service.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, declared := compose.Volumes[source]; !declared {
				if _, err := os.Stat(filepath.Join(repository, source)); err != nil {
					t.Errorf("%s mounts %s, which is neither a volume nor a file", name, source)
				}
			}
		}
	}
	if len(compose.Services["ingest"].Ports) == 0 || len(compose.Services["process"].Volumes) < 2 {
		t.Error("the edge must publish its port and the processor must keep its state in a volume")
	}
	var prometheus struct {
		Jobs []struct {
			Authorization struct {
				File string `yaml:"credentials_file"`
			} `yaml:"authorization"`
			Targets []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, "deploy/prometheus/prometheus.yml", &prometheus)
	scraped := map[string]bool{}
	for _, job := range prometheus.Jobs {
		for _, target := range job.Targets[0].Targets {
			host, port, err := net.SplitHostPort(target)
			if err != nil || !slices.Contains(exposed, port) || port != opsPort {
				t.Errorf("Prometheus scrapes %s, want a port of the image's that has the figures, %s", target, opsPort)
			}
			secret := strings.TrimPrefix(job.Authorization.File, "/run/secrets/")
			if !slices.Contains(compose.Services["prometheus"].Secrets, secret) || compose.Secrets[secret].Environment != "TRIBUTARY_OPS_TOKEN" {
				t.Errorf("Prometheus shows %s the secret %q, which is not the token of ops", host, job.Authorization.File)
			}
			scraped[host] = true
		}
	}
	for _, role := range []string{"ingest", "process", "sink"} {
		if !scraped[role] {
			t.Errorf("Prometheus does not scrape %s", role)
		}
	}
}
