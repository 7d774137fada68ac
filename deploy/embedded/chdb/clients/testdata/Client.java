import com.clickhouse.client.api.query.GenericRecord;
import com.clickhouse.client.api.query.QueryResponse;
import com.clickhouse.client.api.query.QuerySettings;
import com.clickhouse.client.api.query.Records;
import com.clickhouse.data.ClickHouseFormat;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/** What a tool over JDBC, such as DBeaver, does first. */
public class Client {
    interface Call {
        void run() throws SQLException;
    }

    static Connection open(String port, String database, String user, String password) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password);
        return DriverManager.getConnection("jdbc:clickhouse://127.0.0.1:" + port + "/" + database, properties);
    }

    static void equal(Object got, Object want) {
        if (!got.equals(want)) {
            throw new AssertionError("got " + got + ", want " + want);
        }
    }

    static void refused(Call call, String words) {
        try {
            call.run();
        } catch (SQLException error) {
            if (error.toString().contains(words) || String.valueOf(error.getCause()).contains(words)) {
                return;
            }
            throw new AssertionError("does not say " + words, error);
        }
        throw new AssertionError("was not refused: " + words);
    }

    static List<String> column(ResultSet rows, int number) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next()) {
            values.add(rows.getString(number));
        }
        return values;
    }

    static final String ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)";

    /** Waits until the engine has a query, as who asks sees it. */
    static void awaitRunning(Statement eye, String part) throws Exception {
        for (long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30); System.nanoTime() < deadline; ) {
            if (!column(eye.executeQuery("SELECT query_id FROM system.processes WHERE query LIKE '" + part + "%'"), 1).isEmpty()) {
                return;
            }
        }
        throw new AssertionError("does not run: " + part);
    }

    /** Statement.cancel() of one thread ends what another waits for. */
    static void cancels(String port, String database, String user, String password) throws Exception {
        try (Connection busy = open(port, database, user, password); Statement statement = busy.createStatement();
             Connection other = open(port, database, user, password); Statement eye = other.createStatement()) {
            CompletableFuture<Throwable> ended = CompletableFuture.supplyAsync(() -> {
                try {
                    statement.executeQuery(ENDLESS);
                    return null;
                } catch (Throwable error) {
                    return error;
                }
            });
            awaitRunning(eye, ENDLESS);
            statement.cancel();
            Throwable error = ended.get(30, TimeUnit.SECONDS);
            equal(error != null && (error.toString() + error.getCause()).contains("QUERY_WAS_CANCELLED"), true);
            equal(column(statement.executeQuery("SELECT 1"), 1), List.of("1"));
        }
    }

    /** The client that clickhouse-jdbc is made of, which many use by itself. It believes X-ClickHouse-Summary. */
    static void clientV2(String port, String database, String user, String password, boolean writes) throws Exception {
        try (com.clickhouse.client.api.Client client = new com.clickhouse.client.api.Client.Builder().addEndpoint("http://127.0.0.1:" + port)
                .setUsername(user).setPassword(password).setDefaultDatabase(database).build()) {
            equal(client.ping(), true);
            if (writes) {
                client.execute("CREATE TABLE v2 (a UInt32, s Nullable(String)) ENGINE = MergeTree ORDER BY a").get();
                byte[] rows = "1\tone\n2\ttwo\n3\t\\N\n".getBytes(StandardCharsets.UTF_8);
                equal(client.insert("v2", new ByteArrayInputStream(rows), ClickHouseFormat.TSV).get().getWrittenRows(), 3L);
            }
            List<GenericRecord> all = client.queryAll("SELECT a, s FROM v2 ORDER BY a");
            equal(all.size(), 3);
            equal(all.get(1).getString("s"), "two");
            try (Records records = client.queryRecords("SELECT a, s FROM v2 ORDER BY a").get()) {
                equal(records.getResultRows(), 3L);
                equal(records.getReadRows(), 3L);
                equal(records.isEmpty(), false);
            }
            equal(client.queryAll("SELECT a FROM v2 WHERE a > 5").size(), 0);
            try (Records none = client.queryRecords("SELECT 1 LIMIT 0").get()) {
                for (GenericRecord record : none) {
                    throw new AssertionError("a record of none: " + record);
                }
            }
            QuerySettings rowBinary = new QuerySettings().setFormat(ClickHouseFormat.RowBinaryWithNamesAndTypes);
            try (QueryResponse response = client.query("SELECT s FROM v2 WHERE s IS NOT NULL ORDER BY a", rowBinary).get()) {
                var reader = client.newBinaryFormatReader(response);
                equal(reader.next().get("s"), "one");
            }
            for (ClickHouseFormat format : List.of(ClickHouseFormat.RowBinaryWithNamesAndTypes, ClickHouseFormat.Native, ClickHouseFormat.RowBinaryWithNames)) {
                QuerySettings settings = new QuerySettings().setFormat(format).setQueryId("of " + format).waitEndOfQuery(true);
                try (QueryResponse response = client.query("SELECT a FROM v2 WHERE a < 3", settings).get()) {
                    equal(response.getResultRows(), 2L);
                    equal(response.getQueryId(), "of " + format);
                    equal(response.getServerTime() > 0, true);
                }
            }
            CompletableFuture<QueryResponse> slow = CompletableFuture.supplyAsync( // query() itself waits
                () -> client.query(ENDLESS, new QuerySettings().setQueryId("v2's").setFormat(ClickHouseFormat.TSV)).join());
            while (client.queryAll("SELECT 1 FROM system.processes WHERE query_id = 'v2''s'").isEmpty()) {
                equal(slow.isDone(), false);
            }
            equal(client.queryAll("KILL QUERY WHERE query_id = 'v2''s' SYNC").get(0).getString("kill_status"), "finished");
            try {
                slow.get(30, TimeUnit.SECONDS);
                throw new AssertionError("the killed query answered");
            } catch (ExecutionException killed) {
                equal(killed.toString().contains("QUERY_WAS_CANCELLED"), true);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        String port = args[0];
        String database = args[1];
        try (Connection roles = open(port, database, "default", args[2]); Statement statement = roles.createStatement()) {
            statement.execute("CREATE TABLE java (a UInt32, s String) ENGINE = MergeTree ORDER BY a");
            try (PreparedStatement insert = roles.prepareStatement("INSERT INTO java (a, s) VALUES (?, ?)")) {
                insert.setInt(1, 1);
                insert.setString(2, "one");
                insert.addBatch();
                insert.setInt(1, 2);
                insert.setString(2, "it's\ttwo");
                insert.addBatch();
                insert.executeBatch();
            }
            equal(statement.executeUpdate("INSERT INTO java SELECT number + 5, 'more' FROM numbers(3)"), 3);
            equal(statement.executeUpdate("ALTER TABLE java DELETE WHERE a >= 5 SETTINGS mutations_sync = 2"), 0);
            equal(column(statement.executeQuery("SELECT s FROM java ORDER BY a"), 1), List.of("one", "it's\ttwo"));
        }
        try (Connection guest = open(port, database, "analyst", args[3]); Statement statement = guest.createStatement()) {
            equal(guest.isValid(10), true);
            equal(column(guest.getMetaData().getTables(null, database, "java", null), 3), List.of("java"));
            equal(column(guest.getMetaData().getColumns(null, database, "java", null), 4), List.of("a", "s"));
            try (PreparedStatement query = guest.prepareStatement("SELECT s FROM java WHERE a = ?")) {
                query.setInt(1, 2);
                equal(column(query.executeQuery(), 1), List.of("it's\ttwo"));
            }
            statement.setMaxRows(2);
            statement.setQueryTimeout(20);
            equal(column(statement.executeQuery("SELECT a FROM java ORDER BY a"), 1), List.of("1", "2"));
            refused(() -> statement.execute("INSERT INTO java VALUES (3, 'three')"), "readonly mode");
            refused(() -> statement.execute("CREATE TABLE never (a UInt8) ENGINE = Memory"), "readonly mode");
            refused(() -> statement.executeQuery("SELECT file('/etc/passwd')"), "file()");
            equal(column(statement.executeQuery("SELECT 1"), 1), List.of("1"));
        }
        cancels(port, database, "default", args[2]);
        cancels(port, database, "analyst", args[3]);
        clientV2(port, database, "default", args[2], true);
        clientV2(port, database, "analyst", args[3], false);
        refused(() -> {
            try (Connection stranger = open(port, database, "analyst", "wrong"); Statement statement = stranger.createStatement()) {
                statement.executeQuery("SELECT 1");
            }
        }, "Authentication failed");
        System.out.println("done");
    }
}
