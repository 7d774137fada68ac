import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Apache Kafka's command-line tools one after another in one process: each would take seconds to start.
 * A line of the input is base64 of CLASS, the tool's standard input, and its arguments, separated by NUL; a line of the output is
 * the exit code and base64 of what the tool wrote.
 */
public class Tools {
    static class Exited extends RuntimeException { }

    static ByteArrayOutputStream written;
    static int code;
    static byte[] output;

    /** A tool may catch what ends it here and go on: what it says after that does not count. */
    static void exit(int with, String message) {
        if (message != null) {
            System.err.println(message);
        }
        if (output == null) {
            code = with;
            output = written.toByteArray();
        }
        throw new Exited();
    }

    static void run(String[] call) throws Exception {
        System.setIn(new ByteArrayInputStream(call[1].getBytes(StandardCharsets.UTF_8)));
        try {
            Class.forName(call[0]).getMethod("main", String[].class).invoke(null, (Object) Arrays.copyOfRange(call, 2, call.length));
        } catch (InvocationTargetException thrown) {
            if (output == null) {
                thrown.getCause().printStackTrace();
                code = 255;
            }
        }
        if (output == null) {
            output = written.toByteArray();
        }
    }

    public static void main(String[] args) throws Exception {
        Exit.setExitProcedure(Tools::exit);
        Exit.setHaltProcedure(Tools::exit);
        Exit.setShutdownHookAdder((name, hook) -> { });
        PrintStream answers = System.out;
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = calls.readLine(); line != null; line = calls.readLine()) {
            written = new ByteArrayOutputStream();
            code = 0;
            output = null;
            PrintStream to = new PrintStream(written, true, StandardCharsets.UTF_8);
            System.setOut(to);
            System.setErr(to);
            run(new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8).split("\0", -1));
            answers.println(code + " " + Base64.getEncoder().encodeToString(output));
            answers.flush();
        }
    }
}
