#include <gtest/gtest.h>

#include "server/config_load.h"
#include "server/notify_targets.h"

namespace kelp::server {
namespace {

Result<LoadedConfig> from_toml(std::string text) {
  return load_config({.file_name = "kelp.toml", .file_text = std::move(text)});
}

std::string refusal(const Result<LoadedConfig>& loaded) {
  return loaded.has_value() ? "accepted" : loaded.error().detail();
}

TEST(Config, EveryDefaultIsInRangeAndReadsBack) {
  const auto loaded = load_config({});
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  const auto again = from_toml(print_config(loaded->config, loaded->origins));
  ASSERT_TRUE(again.has_value()) << again.error().detail();
  EXPECT_EQ(print_config(again->config, {}), print_config(loaded->config, {}));
}

TEST(Config, TheMastersHttpTakesNoPortUntilOneIsNamed) {
  const auto by_default = load_config({});
  ASSERT_TRUE(by_default.has_value());
  EXPECT_EQ(by_default->config.master.http_listen, "");
  const auto named = from_toml("master.http_listen = \"127.0.0.1:9333\"");
  ASSERT_TRUE(named.has_value()) << named.error().detail();
  EXPECT_EQ(named->config.master.http_listen, "127.0.0.1:9333");
}

TEST(Config, TheVolumeServersHttpTakesNoPortUntilOneIsNamedAndHasATagOfItsOwn) {
  const auto by_default = load_config({});
  ASSERT_TRUE(by_default.has_value());
  EXPECT_EQ(by_default->config.volume.http_listen, "");
  EXPECT_EQ(refusal(load_config({.flags = {{"volume.http_listen", "127.0.0.1:8080"},
                                           {"volume.http_address", "files.example:80"}}})),
            "accepted");
  EXPECT_NE(refusal(load_config({.flags = {{"volume.http_listen", "8080"}}})), "accepted");
  EXPECT_NE(refusal(load_config({.flags = {{"volume.http_address", "files"}}})), "accepted");
  EXPECT_EQ(refusal(load_config({.flags = {{"volume.tags", "ssd,https"}}})), "accepted");
  EXPECT_NE(refusal(load_config({.flags = {{"volume.tags", "ssd,http=elsewhere:80"}}})),
            "accepted");
}

TEST(Config, TlsForThePublicNeedsAPairOrAFolderOfPairs) {
  const std::pair<std::string, std::string> certificate{"s3.tls_cert", "/k/a.crt"};
  const std::pair<std::string, std::string> key{"s3.tls_key", "/k/a.key"};
  const std::pair<std::string, std::string> folder{"s3.tls_dir", "/k/names"};
  for (const std::string listen : {"s3.tls_listen", "filer.https_listen"}) {
    const auto answer = [&listen](ConfigSources sources) {
      sources.flags.emplace_back(listen, "127.0.0.1:0");
      return refusal(load_config(sources));
    };
    EXPECT_EQ(answer({.flags = {certificate, key}}), "accepted");
    EXPECT_EQ(answer({.flags = {folder}}), "accepted");
    EXPECT_EQ(answer({.flags = {certificate, key, folder}}), "accepted");
    for (const ConfigSources& some :
         {ConfigSources{}, ConfigSources{.flags = {certificate}}, ConfigSources{.flags = {key}},
          ConfigSources{.flags = {certificate, folder}}, ConfigSources{.flags = {key, folder}}}) {
      const std::string why = answer(some);
      EXPECT_TRUE(why.starts_with(listen)) << why;
      EXPECT_TRUE(why.ends_with("needs s3.tls_cert and s3.tls_key, or s3.tls_dir")) << why;
    }
  }
}

TEST(Config, TlsAmongDaemonsIsConfiguredWholeOrNotAtAll) {
  const std::vector<std::pair<std::string, std::string>> all{{"cluster.tls_cert", "/k/tls.crt"},
                                                             {"cluster.tls_key", "/k/tls.key"},
                                                             {"cluster.tls_ca", "/k/ca.crt"}};
  EXPECT_EQ(refusal(load_config({.flags = all})), "accepted");
  for (unsigned chosen = 1; chosen < 7; ++chosen) {
    ConfigSources some;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((chosen >> i & 1U) != 0) some.flags.push_back(all[i]);
    }
    EXPECT_NE(refusal(load_config(some)).find("TLS among daemons needs"), std::string::npos)
        << chosen;
  }
}

TEST(Config, AnEngineElsewhereHasAnUrlAndNoPasswordInIt) {
  const auto refused = [](std::string engine, std::string url) {
    return refusal(load_config({.flags = {{"filer.engine", engine}, {"filer.engine_url", url}}}));
  };
  EXPECT_EQ(refused("postgresql", "postgresql://kelp@db1,db2:5433/kelp"), "accepted");
  EXPECT_EQ(refused("etcd", "http://a:2379,http://root@b:2379"), "accepted");
  EXPECT_EQ(refused("redis", "unix:/run/redis"), "accepted");
  EXPECT_EQ(refused("rocksdb", ""), "accepted");
  for (const char* url : {"postgresql://kelp:hush@db/kelp", "postgresql://db/kelp?password=hush",
                          "http://a:2379,http://root:hush@b:2379", "redis://:hush@h"}) {
    const std::string why = refused("postgresql", url);
    EXPECT_NE(why.find("filer.engine_password_file"), std::string::npos) << url;
    EXPECT_EQ(why.find("hush"), std::string::npos) << "a password is not printed";
  }
  EXPECT_NE(refused("postgresql", ""), "accepted");
  EXPECT_NE(refused("rocksdb", "http://a:2379"), "accepted");
  EXPECT_NE(refused("mysql", "mysql://a"), "accepted");
}

TEST(Config, FlagsGoBeforeTheEnvironmentAndThatBeforeTheFile) {
  ConfigSources sources;
  sources.file_name = "kelp.toml";
  sources.file_text =
      "[s3]\nlisten = \"127.0.0.1:1\"\nregion = \"eu\"\n[log]\nlevel = \"warn\"\nformat = "
      "\"text\"\n";
  sources.environment = {{"KELP_S3_LISTEN", "127.0.0.1:2"},
                         {"KELP_LOG_LEVEL", "debug"},
                         {"KELP_LOG_FORMAT", "json"},
                         {"PATH", "/bin"}};
  sources.flags = {{"s3.listen", "127.0.0.1:3"}};
  const auto loaded = load_config(sources);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  EXPECT_EQ(loaded->config.s3.listen, "127.0.0.1:3");
  EXPECT_EQ(loaded->config.log_level, "debug");
  EXPECT_EQ(loaded->config.log_format, "json");
  EXPECT_EQ(loaded->config.s3.region, "eu");
  EXPECT_EQ(loaded->origins.at("s3.listen"), "flag s3.listen");
  EXPECT_EQ(loaded->origins.at("log.level"), "environment KELP_LOG_LEVEL");
  EXPECT_EQ(loaded->origins.at("s3.region"), "kelp.toml:3");
}

TEST(Config, NamesFileLineAndTheNearestKeyOfAnUnknownOne) {
  EXPECT_EQ(refusal(from_toml("dir = \"/x\"\n\n[s3]\nlistn = \"a\"\n")),
            "kelp.toml:4: unknown key 's3.listn'; did you mean 's3.listen'?");
  EXPECT_EQ(refusal(from_toml("[volme]\nsize_limit = \"1GiB\"\n")).substr(0, 32),
            "kelp.toml:1: unknown key 'volme'");
  EXPECT_EQ(refusal(load_config({.flags = {{"filer.memry", "1"}}})),
            "--set filer.memry: unknown key; did you mean 'filer.memory'?");
}

TEST(Config, RefusesAMisspeltVariableAndLeavesForeignOnesAlone) {
  EXPECT_EQ(refusal(load_config({.environment = {{"KELP_S3_LISTN", "x"}}})),
            "environment KELP_S3_LISTN: unknown; did you mean KELP_S3_LISTEN?");
  EXPECT_TRUE(load_config({.environment = {{"KELP_PORT", "tcp://10.0.0.1:8333"},
                                           {"KELP_SERVICE_HOST", "10.0.0.1"},
                                           {"KELP_ACCESS_KEY", "a"}}})
                  .has_value());
}

TEST(Config, ReadsNumbersSizesTimesAndLists) {
  const auto loaded = from_toml(
      "server.io_threads = 3\nfiler.memory = \"512MiB\"\nvolume.size_limit = 1073741824\n"
      "volume.vacuum_garbage = 0.25\ncollector.interval = \"250ms\"\ns3.domain = "
      "[\"s3.example.com\", \"s3\"]\n");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  EXPECT_EQ(loaded->config.threads.io_threads, 3u);
  EXPECT_EQ(loaded->config.filer.memory, 512u << 20);
  EXPECT_EQ(loaded->config.volume.size_limit, 1u << 30);
  EXPECT_EQ(loaded->config.volume.vacuum_garbage, 0.25);
  EXPECT_EQ(loaded->config.collector.interval, std::chrono::milliseconds(250));
  EXPECT_EQ(loaded->config.s3.domains, (std::vector<std::string>{"s3.example.com", "s3"}));
}

TEST(Config, RefusesWhatItCannotReadOrThatIsOutOfRange) {
  for (const char* text : {"server.io_threads = 65",
                           "server.io_threads = -1",
                           "server.io_threads = 1.5",
                           "volume.vacuum_garbage = 0.01",
                           "volume.vacuum_garbage = 1.5",
                           "filer.memory = \"64 MiB\"",
                           "filer.memory = \"63MiB\"",
                           "log.level = \"loud\"",
                           "log.format = \"xml\"",
                           "durability = \"never\"",
                           "s3.listen = \"localhost\"",
                           "s3.listen = \"\"",
                           "s3.listen = [1]",
                           "collector.interval = 5",
                           "collector.interval = \"1ms\"",
                           "s3.domain = [\"Upper.example\"]",
                           "s3.website_domains = [\"Upper.example\"]",
                           "s3.website_domains = \"a.b\"\ns3.domain = \"a.b\"",
                           "s3.trusted_proxies = \"10.0.0.0/33\"",
                           "s3.trusted_proxies = \"proxy.example\"",
                           "s3.external_urls = \"s3.example.com\"",
                           "s3.outgoing_allow = \"metadata.example\"",
                           "s3.outgoing_deny = \"10.0.0.0/33\"",
                           "s3.vault_address = \"vault:8200\"",
                           "s3.vault_address = \"https://vault:8200\"",
                           "s3.vault_address = \"https://a/v1\"\ns3.vault_token_file = \"t\"",
                           "s3.vault_address = \"https://a\"\ns3.vault_token_file = \"t\"\n"
                           "s3.vault_mount = \"/a\"",
                           "s3.vault_address = \"https://a\"\ns3.vault_token_file = \"t\"\n"
                           "s3.vault_prefix = \"a/\"",
                           "s3.vault_timeout = \"1ms\"",
                           "s3.limits = \"key.per_second=0\"",
                           "s3.limits = \"user.per_second=1\"",
                           "s3.access_log_seconds = 0",
                           "s3.bucket_metrics = 10001",
                           "s3.archive_classes = [\"GLACIER_IR\"]",
                           "s3.restore_time = \"200h\"",
                           "s3.tls_listen = \"127.0.0.1:1\"",
                           "s3 = 1",
                           "dir = {a = 1}",
                           "dir = ",
                           "dir = \"a\"\ndir = \"b\"",
                           "s3.identity = \"me\""}) {
    const auto loaded = from_toml(text);
    ASSERT_FALSE(loaded.has_value()) << text;
    EXPECT_EQ(loaded.error().code(), Errc::kInvalidArgument) << text;
  }
  EXPECT_EQ(refusal(from_toml("\nserver.io_threads = 65")),
            "server.io_threads = 65 (kelp.toml:2): must lie between 0 and 64");
}

TEST(Config, ReadsIdentitiesAndNeverPrintsTheirSecrets) {
  const std::string text =
      "[[s3.identity]]\nname = \"second\"\naccess_key = \"second-account\"\n"
      "secret_key = \"not-to-be-shown\"\n";
  const auto loaded = from_toml(text);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  ASSERT_EQ(loaded->config.s3.identities.size(), 1u);
  EXPECT_EQ(loaded->config.s3.identities[0].secret_key, "not-to-be-shown");
  EXPECT_EQ(print_config(loaded->config, loaded->origins).find("not-to-be-shown"),
            std::string::npos);
  EXPECT_FALSE(from_toml(text + text).has_value());
  EXPECT_FALSE(from_toml(text + "colour = \"red\"\n").has_value());
  EXPECT_FALSE(from_toml("[[s3.identity]]\nname = \"admin\"\naccess_key = \"abc\"\n"
                         "secret_key = \"12345678\"\n")
                   .has_value());
  EXPECT_FALSE(from_toml("[[s3.identity]]\nname = \"a\"\naccess_key = \"a/b\"\n"
                         "secret_key = \"12345678\"\n")
                   .has_value());
  EXPECT_FALSE(from_toml("[[s3.identity]]\nname = \"a\"\naccess_key = \"abc\"\n"
                         "secret_key = \"short\"\n")
                   .has_value());
}

TEST(Config, ReadsStorageClasses) {
  const std::string text =
      "[[master.class]]\nname = \"STANDARD_IA\"\nlarge = \"ec(4,2)\"\nlarge_from = \"2MiB\"\n"
      "seal = \"ec(8,4)\"\n"
      "tag = \"hdd\"\n[[master.class]]\nname = \"ONEZONE_IA\"\nspread = \"001\"\n";
  const auto loaded = from_toml(text);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  const auto& classes = loaded->config.master.classes;
  ASSERT_EQ(classes.size(), 2u);
  const master::StorageLayout layout = layout_of(classes[0]);
  EXPECT_TRUE(layout.large == (EcScheme{.data = 4, .parity = 2}));
  EXPECT_EQ(layout.large_from, 2U << 20);
  EXPECT_TRUE(layout.seal == (EcScheme{.data = 8, .parity = 4}));
  EXPECT_EQ(layout.tag, "hdd");
  EXPECT_EQ(layout_of(classes[1]).spread.other_nodes, 1);
  // What is printed is the same again.
  const auto again = from_toml(print_classes(classes));
  ASSERT_TRUE(again.has_value()) << again.error().detail();
  EXPECT_EQ(print_classes(again->config.master.classes), print_classes(classes));

  EXPECT_EQ(refusal(from_toml("[[master.class]]\nname = \"COLD\"\n")).substr(0, 30),
            "master.class 'COLD': S3 has no");
  const std::string one = "[[master.class]]\nname = \"GLACIER\"\n";
  EXPECT_EQ(refusal(from_toml(one + one)), "master.class 'GLACIER': it is there twice");
  for (const char* wrong :
       {"spread = \"9\"", "large = \"ec(1,1)\"", "large_from = 1", "seal = \"ec(9)\"",
        "large_from = \"many\"", "colour = \"red\"", "tag = [\"a\"]"}) {
    const auto refused = from_toml(one + wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument) << wrong;
  }
}

TEST(Config, ReadsTheDisksOfAVolumeServer) {
  const std::string text =
      "[volume]\nhost = \"box\"\ntags = [\"all\"]\nreserve = \"2GiB\"\n"
      "[[volume.disk]]\npath = \"/a\"\ntags = [\"ssd\", \"nvme\"]\nreserve = \"5GiB\"\n"
      "[[volume.disk]]\npath = \"/b c\"\nport = 1234\n";
  const auto loaded = from_toml(text);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  const auto places = disk_places(loaded->config, "machine");
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(places[0].path, "/a");
  EXPECT_EQ(places[0].tags, (std::vector<std::string>{"ssd", "nvme", "all", "host=box"}));
  EXPECT_EQ(places[0].reserve, 5ULL << 30);
  EXPECT_EQ(places[1].tags, (std::vector<std::string>{"all", "host=box"}));
  EXPECT_EQ(places[1].reserve, 2ULL << 30);
  EXPECT_EQ(places[1].port, 1234);
  // What is printed is the same again.
  const auto& disks = loaded->config.volume.disks;
  const auto again = from_toml(print_disks(disks));
  ASSERT_TRUE(again.has_value()) << again.error().detail();
  EXPECT_EQ(again->config.volume.disks, disks);
  EXPECT_EQ(disk_places(again->config, "machine")[1].tags,
            std::vector<std::string>{"host=machine"});

  const std::string one = "[[volume.disk]]\npath = \"/a\"\n";
  EXPECT_EQ(refusal(from_toml(one + one)), "volume.disk '/a': it is there twice");
  for (const char* wrong :
       {"[[volume.disk]]\ntags = [\"a\"]", "[[volume.disk]]\npath = \"a\"",
        "[[volume.disk]]\npath = \"/a/\"", "port = 0", "port = 65536", "port = \"x\"",
        "reserve = \"2TiB\"", "tags = [\"host=a\"]", "colour = \"red\"", "path = [\"/b\"]",
        "port = 7\n[[volume.disk]]\npath = \"/b\"\nport = 7"}) {
    const auto refused = from_toml(one + wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument) << wrong;
  }
}

TEST(Config, ReadsTheTargetsOfNotificationsAndNeverPrintsTheirSecrets) {
  const std::string text =
      "[s3]\nlisten = \"127.0.0.1:1\"\n"
      "[s3.notify.hook]\ntype = \"webhook\"\nurl = \"https://h/\"\nsecret = \"hush-1\"\n"
      "auth_token = \"hush-2\"\ntimeout = \"2s\"\n"
      "[s3.notify.topic]\ntype = \"kafka\"\nbrokers = [\"a:1\", \"b:2\"]\ntopic = \"t\"\ntls = "
      "true\n"
      "user = \"me\"\npassword = \"hush-3\"\n";
  const auto loaded = from_toml(text);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  auto targets = loaded->config.s3.notify;
  ASSERT_EQ(targets.size(), 2u);
  EXPECT_EQ(targets[0].name, "hook");
  EXPECT_EQ(targets[0].secret, "hush-1");
  EXPECT_EQ(targets[0].timeout, std::chrono::seconds(2));
  EXPECT_EQ(targets[1].brokers, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_TRUE(targets[1].tls);
  const std::string printed = print_config(loaded->config, loaded->origins);
  EXPECT_EQ(printed.find("hush"), std::string::npos) << printed;
  // But for secrets, what is printed is the same again.
  const auto again = from_toml(print_notify(targets));
  ASSERT_TRUE(again.has_value()) << again.error().detail();
  targets[0].secret.clear();
  targets[0].auth_token.clear();
  targets[1].password.clear();
  EXPECT_EQ(again->config.s3.notify, targets);

  const std::string one = "[s3.notify.a]\ntype = \"webhook\"\nurl = \"http://h/\"\n";
  for (const char* wrong :
       {"colour = \"red\"", "tls = \"perhaps\"", "timeout = \"1h\"", "url = [\"http://h/\"]",
        "topic = \"t\"", "[s3.notify]\nb = 1", "[[s3.notify.b]]\ntype = \"webhook\""}) {
    const auto refused = from_toml(one + wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument) << wrong;
  }
}

TEST(Config, SaysWhatIsCachedAndWhere) {
  const std::string text =
      "[volume]\ncache = \"/nvme/cache\"\ncache_size = \"100GiB\"\n"
      "[[volume.disk]]\npath = \"/a\"\ntags = [\"hdd\", \"old\"]\n"
      "[[volume.disk]]\npath = \"/b\"\ntags = [\"ssd\"]\n";
  auto loaded = from_toml(text);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  Config& config = loaded->config;
  const auto places = disk_places(config, "machine");
  EXPECT_TRUE(is_cached(places[0], config));
  EXPECT_FALSE(is_cached(places[1], config));
  config.volume.cache_tags = {"fast", "ssd"};
  EXPECT_FALSE(is_cached(places[0], config));
  EXPECT_TRUE(is_cached(places[1], config));
  config.volume.cache_tags.clear();
  EXPECT_TRUE(is_cached(places[0], config)) << "no tags: all";
  config.volume.cache.clear();
  EXPECT_FALSE(is_cached(places[0], config)) << "no cache";

  EXPECT_FALSE(config.volume.index_on_disk);
  EXPECT_TRUE(
      load_config({.flags = {{"volume.index_on_disk", "true"}}})->config.volume.index_on_disk);
  EXPECT_FALSE(config.volume.direct_io);
  EXPECT_TRUE(load_config({.flags = {{"volume.direct_io", "true"}}})->config.volume.direct_io);
  const auto with = [](const std::string& cache, const std::string& size) {
    return load_config(
        {.flags = {{"dir", "/d"}, {"volume.cache", cache}, {"volume.cache_size", size}}});
  };
  EXPECT_EQ(refusal(with("/nvme/cache", "16MiB")), "accepted");
  for (const auto& [cache, size] :
       {std::pair{"nvme/cache", "1GiB"}, std::pair{"/nvme/", "1GiB"}, std::pair{"/d", "1GiB"},
        std::pair{"/nvme", "0"}, std::pair{"/nvme", "15MiB"}, std::pair{"/nvme", "17TiB"}}) {
    EXPECT_NE(refusal(with(cache, size)), "accepted") << cache << " " << size;
  }
  EXPECT_EQ(refusal(from_toml("[volume]\ncache = \"/b\"\ncache_size = \"1GiB\"\n"
                              "[[volume.disk]]\npath = \"/b\"\n"))
                .find("volume.cache = "),
            0u);
}

TEST(Config, AServerWithOneDirectoryIsWhatItWas) {
  const auto loaded = from_toml("dir = \"/d\"\n[volume]\ntags = [\"ssd\"]\n");
  ASSERT_TRUE(loaded.has_value()) << loaded.error().detail();
  const auto places = disk_places(loaded->config, "machine");
  ASSERT_EQ(places.size(), 1u);
  EXPECT_EQ(places[0].path, "/d");
  EXPECT_EQ(places[0].tags, std::vector<std::string>{"ssd"}) << "several may run on one machine";
  EXPECT_FALSE(places[0].listed);
}

}  // namespace
}  // namespace kelp::server
