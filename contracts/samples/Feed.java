// Read your feed with java.net.http, and resume: java Feed.java [--once]. Needs Java 17, and nothing else.
// Lit votre flux, et reprend. A real program reads JSON with a library; this one looks only at what it prints.
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Feed {
    static final String URL = System.getenv("MAILLAGE_URL");
    static final Path STATE = Path.of(System.getenv().getOrDefault("MAILLAGE_STATE", "maillage-state"));
    // HTTP/1.1: over plain HTTP this client would ask for an upgrade to HTTP/2 first, which some servers take for an empty body.
    static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10)).build();
    static final Pattern ATTRIBUTES = Pattern.compile("\\{([^{}]*),\"data\":"); // in any order, before `data`

    public static void main(String[] arguments) throws Exception {
        boolean once = Arrays.asList(arguments).contains("--once");
        Files.createDirectories(STATE);
        Path file = STATE.resolve("cursor");
        String cursor = Files.exists(file) ? Files.readString(file).strip() : "";
        String token = token();
        for (boolean more = true; more || !once; ) {
            String asked = URL + "/feed?limit=100&wait=" + (once ? 0 : 25) + (cursor.isEmpty() ? "" : "&after=" + encoded(cursor));
            HttpResponse<String> answer = send(HttpRequest.newBuilder(URI.create(asked)).header("Authorization", "Bearer " + token));
            if (answer.statusCode() == 401) { // a token lives five minutes
                token = token();
                answer = send(HttpRequest.newBuilder(URI.create(asked)).header("Authorization", "Bearer " + token));
            }
            String page = accepted(answer);
            for (Matcher found = ATTRIBUTES.matcher(page); found.find(); ) {
                String event = found.group(1); // here comes your own work
                System.out.println(member(event, "sequence") + " " + member(event, "id") + " " + member(event, "type"));
            }
            int end = page.lastIndexOf("],\"cursor\":");
            cursor = member(page.substring(end), "cursor");
            more = page.substring(end).contains("\"more\":true");
            Path written = STATE.resolve("cursor.new"); // only once the page is handled
            Files.writeString(written, cursor);
            Files.move(written, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    static String token() throws Exception {
        String credentials = System.getenv("MAILLAGE_CLIENT_ID") + ":" + System.getenv("MAILLAGE_CLIENT_SECRET");
        return member(accepted(send(HttpRequest.newBuilder(URI.create(URL + "/oauth/token"))
                .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8)))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString("grant_type=client_credentials")))), "access_token");
    }

    /** Sends, and sends again, more and more slowly, while nobody answers or Maillage asks to come back. */
    static HttpResponse<String> send(HttpRequest.Builder request) throws InterruptedException {
        for (int failures = 0; ; failures++) {
            long seconds = Math.min(60, 1L << Math.min(failures, 6));
            try {
                HttpResponse<String> answer = HTTP.send(
                        request.timeout(Duration.ofSeconds(40)).build(), HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() < 500 && answer.statusCode() != 429) {
                    return answer;
                }
                seconds = answer.headers().firstValueAsLong("Retry-After").orElse(seconds);
            } catch (IOException nobody) {
                // Tried again below.
            }
            Thread.sleep(1000 * seconds);
        }
    }

    static String accepted(HttpResponse<String> answer) {
        if (answer.statusCode() != 200) {
            throw new IllegalStateException(answer.statusCode() + ": " + answer.body()); // trying again is no use
        }
        return answer.body();
    }

    static String member(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
        if (!found.find()) {
            throw new IllegalStateException("no " + name);
        }
        return found.group(1);
    }

    static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
