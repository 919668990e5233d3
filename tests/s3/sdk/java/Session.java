// A session of AWS's Java SDK (v2) against one endpoint, with nothing set but the address and the keys: the client that waits, and the
// one that does not.

import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.AsyncResponseTransformer;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

public final class Session {
  static final int[] SIZES = {0, 1, 8192, 100_000, 6 << 20};
  static final HttpClient BROWSER = HttpClient.newHttpClient();

  static void must(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  static byte[] pattern(int size) {
    byte[] body = new byte[size];
    for (int at = 0; at < size; ++at) body[at] = (byte) (at * 7 + (at >> 8));
    return body;
  }

  static byte[] byUrl(HttpRequest.Builder request) throws Exception {
    var answer = BROWSER.send(request.build(), BodyHandlers.ofByteArray());
    must(answer.statusCode() == 200, "presigned: " + answer.statusCode() + " " + new String(answer.body()));
    return answer.body();
  }

  static S3Exception refused(Runnable request) {
    try {
      request.run();
    } catch (S3Exception error) {
      return error;
    }
    throw new AssertionError("it was not refused");
  }

  /** Puts, reads and heads of every size; the keys. */
  static List<String> objects(S3Client client, String bucket) {
    List<String> keys = new ArrayList<>();
    for (int size : SIZES) {
      String key = "dir a/" + size;
      byte[] body = pattern(size);
      Map<String, String> metadata = Map.of("size", "" + size);
      client.putObject(put -> put.bucket(bucket).key(key).metadata(metadata).contentType("text/x-kelp"), RequestBody.fromBytes(body));
      must(Arrays.equals(client.getObjectAsBytes(get -> get.bucket(bucket).key(key)).asByteArray(), body), key);
      var head = client.headObject(ask -> ask.bucket(bucket).key(key).checksumMode(ChecksumMode.ENABLED));
      must(head.contentLength() == size, "length of " + key);
      must(head.metadata().equals(metadata), "metadata of " + key);
      must(head.contentType().equals("text/x-kelp"), "type of " + key);
      must(head.checksumCRC32() != null || head.checksumCRC64NVME() != null, "a checksum of " + key);
      keys.add(key);
    }
    var range = client.getObjectAsBytes(get -> get.bucket(bucket).key("dir a/100000").range("bytes=8190-8200"));
    must(Arrays.equals(range.asByteArray(), Arrays.copyOfRange(pattern(100_000), 8190, 8201)), "range");
    return keys;
  }

  /** The client that does not wait, which sends what is large or of unknown length in parts; the keys. */
  static List<String> inParts(S3AsyncClient client, String bucket) throws Exception {
    byte[] body = pattern((18 << 20) + 77);
    ExecutorService reader = Executors.newSingleThreadExecutor();
    var stream = AsyncRequestBody.fromInputStream(in -> in.inputStream(new ByteArrayInputStream(body)).executor(reader));
    var bodies = new TreeMap<>(Map.of("async", AsyncRequestBody.fromBytes(pattern(9000)), "in parts", AsyncRequestBody.fromBytes(body),
        "of unknown length", stream));
    try {
      for (var each : bodies.entrySet()) {
        client.putObject(put -> put.bucket(bucket).key(each.getKey()), each.getValue()).join();
        var got = client.getObject(get -> get.bucket(bucket).key(each.getKey()), AsyncResponseTransformer.toBytes()).join();
        must(Arrays.equals(got.asByteArray(), each.getKey().equals("async") ? pattern(9000) : body), each.getKey());
        must(each.getKey().equals("async") != got.response().eTag().contains("-"), each.getKey() + " has the ETag " + got.response().eTag());
      }
    } finally {
      reader.shutdown();
    }
    return List.copyOf(bodies.keySet());
  }

  public static void main(String[] arguments) throws Exception {
    URI endpoint = URI.create(System.getenv("KELP_ENDPOINT"));
    String bucket = "java-" + endpoint.getScheme();
    try (S3Client client = S3Client.builder().endpointOverride(endpoint).forcePathStyle(true).region(Region.US_EAST_1).build();
        S3AsyncClient async = S3AsyncClient.builder().endpointOverride(endpoint).forcePathStyle(true).region(Region.US_EAST_1)
            .multipartEnabled(true).build();
        S3Presigner signer = S3Presigner.builder().endpointOverride(endpoint).region(Region.US_EAST_1)
            .serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(true).build()).build()) {
      client.createBucket(make -> make.bucket(bucket));
      List<String> keys = objects(client, bucket);
      keys.addAll(inParts(async, bucket));
      List<String> seen = client.listObjectsV2Paginator(list -> list.bucket(bucket).maxKeys(2)).contents().stream().map(S3Object::key).toList();
      must(seen.equals(keys.stream().sorted().toList()), "all keys are listed: " + seen);

      client.copyObject(copy -> copy.sourceBucket(bucket).sourceKey("dir a/100000").destinationBucket(bucket).destinationKey("copy"));
      Duration hour = Duration.ofHours(1);
      var get = signer.presignGetObject(sign -> sign.signatureDuration(hour).getObjectRequest(ask -> ask.bucket(bucket).key("copy")));
      must(Arrays.equals(byUrl(HttpRequest.newBuilder(get.url().toURI())), pattern(100_000)), "presigned get");
      var put = signer.presignPutObject(sign -> sign.signatureDuration(hour).putObjectRequest(ask -> ask.bucket(bucket).key("by address")));
      byUrl(HttpRequest.newBuilder(put.url().toURI()).PUT(HttpRequest.BodyPublishers.ofString("x")));
      keys.addAll(List.of("copy", "by address"));

      must(refused(() -> client.getObjectAsBytes(ask -> ask.bucket(bucket).key("none"))) instanceof NoSuchKeyException, "NoSuchKey is known");
      S3Exception kept = refused(() -> client.putObject(ask -> ask.bucket(bucket).key("copy").ifNoneMatch("*"), RequestBody.fromString("x")));
      must(kept.awsErrorDetails().errorCode().equals("PreconditionFailed"), "a condition is kept: " + kept);

      List<ObjectIdentifier> gone = keys.stream().map(key -> ObjectIdentifier.builder().key(key).build()).toList();
      must(client.deleteObjects(ask -> ask.bucket(bucket).delete(which -> which.objects(gone))).errors().isEmpty(), "DeleteObjects");
      client.deleteBucket(ask -> ask.bucket(bucket));
    }
    System.out.println("java ok");
  }
}
