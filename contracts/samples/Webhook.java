// Receive webhooks with the JDK alone, and verify their signatures: java Webhook.java. PORT is 8080 by default.
// Reçoit des webhooks et vérifie leur signature (Standard Webhooks).
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Webhook {
    static final String[] SECRETS = System.getenv("MAILLAGE_WEBHOOK_SECRETS").split("\\s+");
    static final long TOLERANCE_SECONDS = 300;
    static final int BODY_BYTES_MAX = 2_000_000;

    public static void main(String[] arguments) throws IOException {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", Webhook::receive);
        server.start();
        System.out.println("listening on " + server.getAddress().getPort());
    }

    static void receive(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readNBytes(BODY_BYTES_MAX); // exactly the bytes that were signed
        if (!signed(exchange, body)) {
            exchange.sendResponseHeaders(401, -1);
            exchange.close();
            return;
        }
        // A real program reads JSON with a library; attributes come before `data`.
        String event = new String(body, StandardCharsets.UTF_8);
        String type = member(event, "type");
        if (type.equals("fr.maillage.partners.webhook.challenge.v1")) {
            byte[] answer = ("{\"challenge\":\"" + member(event, "challenge") + "\"}").getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
        } else {
            System.out.println(member(event, "id") + " " + type); // here comes your own work: store it, then answer
            exchange.sendResponseHeaders(204, -1);
        }
        exchange.close();
    }

    static boolean signed(HttpExchange exchange, byte[] body) {
        String id = exchange.getRequestHeaders().getFirst("webhook-id");
        String timestamp = exchange.getRequestHeaders().getFirst("webhook-timestamp");
        String signatures = exchange.getRequestHeaders().getFirst("webhook-signature");
        if (id == null || signatures == null || timestamp == null || !timestamp.matches("[0-9]{1,12}")) {
            return false;
        }
        if (Math.abs(System.currentTimeMillis() / 1000 - Long.parseLong(timestamp)) > TOLERANCE_SECONDS) {
            return false;
        }
        for (String secret : SECRETS) {
            byte[] expected = signature(secret, id + "." + timestamp + ".", body);
            for (String given : signatures.split(" ")) {
                // In constant time: how long a comparison takes says nothing of the right signature.
                if (given.startsWith("v1,") && MessageDigest.isEqual(expected, given.substring(3).getBytes(StandardCharsets.UTF_8))) {
                    return true;
                }
            }
        }
        return false;
    }

    static byte[] signature(String secret, String head, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(Base64.getDecoder().decode(secret.replaceFirst("^whsec_", "")), "HmacSHA256"));
            mac.update(head.getBytes(StandardCharsets.UTF_8));
            return Base64.getEncoder().encode(mac.doFinal(body));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static String member(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
        return found.find() ? found.group(1) : "";
    }
}
