import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.HapiContext;
import ca.uhn.hl7v2.parser.CanonicalModelClassFactory;
import ca.uhn.hl7v2.parser.PipeParser;
import ca.uhn.hl7v2.util.Terser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * HAPI as tests/bench/hapi/__init__.py asks for it: PipeParser without validation, then some fields through a Terser.
 *
 * <p>Arguments: a file of messages, each after its length in four bytes, and the fields as a Terser names them. A line
 * on standard input is a command, its answer lines on standard output: {@code values FROM TO} gives the fields of each message, with tabs between them;
 * {@code time FROM TO} gives the nanoseconds of processor time that this thread needed for a message, on average.
 */
public final class HapiReader {
    private final PipeParser parser;
    private final List<byte[]> messages;
    private final String[] places;
    private int seen; // what is read is looked at, so that the compiler cannot leave it out

    private HapiReader(PipeParser parser, List<byte[]> messages, String[] places) {
        this.parser = parser;
        this.messages = messages;
        this.places = places;
    }

    public static void main(String[] arguments) throws IOException, HL7Exception {
        try (HapiContext context = new DefaultHapiContext()) {
            context.setValidationContext(ValidationContextFactory.noValidation());
            context.setModelClassFactory(new CanonicalModelClassFactory("2.5.1")); // one version: nothing to look up
            String[] places = Arrays.copyOfRange(arguments, 1, arguments.length);
            HapiReader reader = new HapiReader(context.getPipeParser(), read(Path.of(arguments[0])), places);
            BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
            for (String line = commands.readLine(); line != null; line = commands.readLine()) {
                String[] words = line.split(" ");
                reader.answer(words[0], Integer.parseInt(words[1]), Integer.parseInt(words[2]));
                System.out.flush();
            }
        }
    }

    private static List<byte[]> read(Path file) throws IOException {
        List<byte[]> messages = new ArrayList<>();
        try (DataInputStream stream = new DataInputStream(Files.newInputStream(file))) {
            while (stream.available() > 0) {
                messages.add(stream.readNBytes(stream.readInt()));
            }
        }
        return messages;
    }

    private void answer(String command, int from, int to) throws HL7Exception {
        if (command.equals("values")) {
            for (byte[] message : messages.subList(from, to)) {
                System.out.println(String.join("\t", fields(message)));
            }
            return;
        }
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        long began = threads.getCurrentThreadCpuTime();
        for (byte[] message : messages.subList(from, to)) {
            for (String value : fields(message)) {
                seen += value.length();
            }
        }
        System.out.println((threads.getCurrentThreadCpuTime() - began) / (to - from));
    }

    private String[] fields(byte[] message) throws HL7Exception {
        Terser terser = new Terser(parser.parse(new String(message, StandardCharsets.UTF_8)));
        String[] found = new String[places.length];
        for (int number = 0; number < places.length; number++) {
            String value = terser.get(places[number]);
            found[number] = value == null ? "" : value;
        }
        return found;
    }
}
