// A session of the JavaScript SDK against one endpoint, with nothing set but the address and the keys.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, NoSuchKey,
  PutObjectCommand, S3Client, paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const sizes = [0, 1, 8192, 100_000, 6 << 20];
const client = new S3Client({
  endpoint: process.env.KELP_ENDPOINT, forcePathStyle: true, region: "us-east-1",
  credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY },
});
const Bucket = "js-" + process.env.KELP_ENDPOINT.split(":")[0];
const pattern = (size) => Uint8Array.from({ length: size }, (_, at) => (at * 7 + (at >> 8)) & 255);
const bytesOf = async (answer) => Buffer.from(await answer.Body.transformToByteArray());

await client.send(new CreateBucketCommand({ Bucket }));
const keys = [];
for (const size of sizes) {
  const Key = `dir a/${size}`;
  keys.push(Key);
  await client.send(new PutObjectCommand({ Bucket, Key, Body: pattern(size), Metadata: { size: String(size) }, ContentType: "text/x-kelp" }));
  const got = await client.send(new GetObjectCommand({ Bucket, Key }));
  assert.equal(Buffer.compare(await bytesOf(got), Buffer.from(pattern(size))), 0, Key);
  const head = await client.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
  assert.equal(head.ContentLength, size);
  assert.ok(head.ChecksumCRC32, "a checksum");
}
const stream = Readable.from([pattern(5 << 20), pattern(5 << 20), pattern(77)].map((bytes) => Buffer.from(bytes)));
await new Upload({ client, params: { Bucket, Key: "in parts", Body: stream }, partSize: 5 << 20 }).done();
keys.push("in parts");
const parts = await client.send(new HeadObjectCommand({ Bucket, Key: "in parts" }));
assert.equal(parts.ContentLength, (10 << 20) + 77);
const range = await client.send(new GetObjectCommand({ Bucket, Key: "dir a/100000", Range: "bytes=8190-8200" }));
assert.equal(Buffer.compare(await bytesOf(range), Buffer.from(pattern(100_000).slice(8190, 8201))), 0);
const seen = [];
for await (const page of paginateListObjectsV2({ client, pageSize: 2 }, { Bucket })) seen.push(...(page.Contents ?? []));
assert.deepEqual(seen.map((object) => object.Key).sort(), [...keys].sort());
await client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent("dir a/100000")}` }));
keys.push("copy", "by address");
const get = await fetch(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "copy" })));
assert.equal(get.status, 200);
assert.equal(Buffer.compare(Buffer.from(await get.arrayBuffer()), Buffer.from(pattern(100_000))), 0);
const put = await fetch(await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "by address", Body: "x" })), { method: "PUT", body: "x" });
assert.equal(put.status, 200, await put.text());
await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key: "none" })), NoSuchKey);
await assert.rejects(client.send(new PutObjectCommand({ Bucket, Key: "copy", Body: "x", IfNoneMatch: "*" })), { name: "PreconditionFailed" });
await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
await client.send(new DeleteBucketCommand({ Bucket }));
console.log("javascript ok");
