import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

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

    public static void main(String[] args) throws SQLException {
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
        refused(() -> {
            try (Connection stranger = open(port, database, "analyst", "wrong"); Statement statement = stranger.createStatement()) {
                statement.executeQuery("SELECT 1");
            }
        }, "Authentication failed");
        System.out.println("done");
    }
}
