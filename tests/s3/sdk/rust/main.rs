// A session of AWS's Rust SDK against one endpoint, with nothing set but the address and the keys.
use aws_sdk_s3::config::{Config, Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use aws_sdk_s3::Client;
use std::{env, error::Error, process::Command, time::Duration};

const SIZES: [usize; 5] = [0, 1, 8192, 100_000, 6 << 20];
const PART: usize = 5 << 20;

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at.wrapping_mul(7) + (at >> 8)) as u8).collect()
}

/// What a browser would do with a presigned address; the body of the answer.
fn by_url(words: &[&str], address: &str) -> Vec<u8> {
    let done = Command::new("curl").args(["-sS", "--fail-with-body"]).args(words).arg(address).output().expect("curl");
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Uploads parts of 5 MiB and what remains; the SDK has no manager that does it.
async fn in_parts(client: &Client, bucket: &str, key: &str, body: &[u8]) -> Result<(), Box<dyn Error>> {
    let upload = client.create_multipart_upload().bucket(bucket).key(key).send().await?;
    let id = upload.upload_id().expect("an upload id");
    let mut parts = CompletedMultipartUpload::builder();
    for (at, bytes) in body.chunks(PART).enumerate() {
        let number = at as i32 + 1;
        let part = client.upload_part().bucket(bucket).key(key).upload_id(id).part_number(number)
            .body(ByteStream::from(bytes.to_vec())).send().await?;
        parts = parts.parts(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag().map(String::from))
            .set_checksum_crc32(part.checksum_crc32().map(String::from)).build());
    }
    client.complete_multipart_upload().bucket(bucket).key(key).upload_id(id).multipart_upload(parts.build()).send().await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = env::var("KELP_ENDPOINT")?;
    let keys = Credentials::new(env::var("AWS_ACCESS_KEY_ID")?, env::var("AWS_SECRET_ACCESS_KEY")?, None, None, "test");
    let client = Client::from_conf(
        Config::builder().endpoint_url(&endpoint).force_path_style(true).region(Region::new("us-east-1")).credentials_provider(keys).build(),
    );
    let bucket = &format!("rust-{}", endpoint.split(':').next().unwrap());
    client.create_bucket().bucket(bucket).send().await?;

    let mut names = Vec::new();
    for size in SIZES {
        let (key, body) = (format!("dir a/{size}"), pattern(size));
        client.put_object().bucket(bucket).key(&key).body(ByteStream::from(body.clone())).metadata("size", size.to_string())
            .content_type("text/x-kelp").send().await?;
        let got = client.get_object().bucket(bucket).key(&key).send().await?;
        assert!(got.body.collect().await?.into_bytes() == body, "{key}");
        let head = client.head_object().bucket(bucket).key(&key).checksum_mode(ChecksumMode::Enabled).send().await?;
        assert_eq!(head.content_length(), Some(size as i64));
        assert_eq!(head.metadata().unwrap()["size"], size.to_string());
        assert_eq!(head.content_type(), Some("text/x-kelp"));
        assert!(head.checksum_crc32().or(head.checksum_crc64_nvme()).is_some(), "a checksum of {key}");
        names.push(key);
    }
    let large = pattern(2 * PART + 77);
    in_parts(&client, bucket, "in parts", &large).await?;
    names.push("in parts".into());
    let got = client.get_object().bucket(bucket).key("in parts").send().await?;
    assert!(got.body.collect().await?.into_bytes() == large, "in parts");
    let range = client.get_object().bucket(bucket).key("dir a/100000").range("bytes=8190-8200").send().await?;
    assert_eq!(range.body.collect().await?.into_bytes(), pattern(100_000)[8190..8201]);

    let mut pages = client.list_objects_v2().bucket(bucket).max_keys(2).into_paginator().send();
    let mut seen = Vec::new();
    while let Some(page) = pages.try_next().await? {
        seen.extend(page.contents().iter().map(|object| object.key().unwrap_or_default().to_string()));
    }
    names.sort();
    assert_eq!(seen, names);

    client.copy_object().bucket(bucket).key("copy").copy_source(format!("{bucket}/dir%20a/100000")).send().await?;
    let hour = PresigningConfig::expires_in(Duration::from_secs(3600))?;
    let get = client.get_object().bucket(bucket).key("copy").presigned(hour.clone()).await?;
    assert!(by_url(&[], get.uri()) == pattern(100_000), "presigned get");
    let put = client.put_object().bucket(bucket).key("by address").presigned(hour).await?;
    by_url(&["-X", "PUT", "--data-binary", "x", "-H", "Content-Type:"], put.uri());
    names.extend(["copy".into(), "by address".into()]);

    let missing = client.get_object().bucket(bucket).key("none").send().await.unwrap_err();
    assert!(missing.into_service_error().is_no_such_key());
    let kept = client.put_object().bucket(bucket).key("copy").if_none_match("*").body(ByteStream::from_static(b"x")).send().await.unwrap_err();
    assert_eq!(kept.code(), Some("PreconditionFailed"));

    let mut gone = Delete::builder();
    for name in names {
        gone = gone.objects(ObjectIdentifier::builder().key(name).build()?);
    }
    let gone = client.delete_objects().bucket(bucket).delete(gone.build()?).send().await?;
    assert!(gone.errors().is_empty(), "{:?}", gone.errors());
    client.delete_bucket().bucket(bucket).send().await?;
    println!("rust ok");
    Ok(())
}
