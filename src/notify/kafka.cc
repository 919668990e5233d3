// Messages into a topic of Kafka: keyed by object, so that a partition has all of one key in order.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <vector>

#include "base/log.h"
#include "notify/target.h"

namespace kelp::notify {
namespace {

constexpr int kPollMs = 100;

struct EndProducer {
  void operator()(rd_kafka_t* producer) const {
    rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy_flags(producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
};
using Producer = std::unique_ptr<rd_kafka_t, EndProducer>;
struct EndConf {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, EndConf>;

/// What became of each message of a call.
struct Reports {
  std::vector<std::optional<rd_kafka_resp_err_t>> of;
  std::size_t open = 0;
};
/// One of them, as a message carries it.
struct Report {
  Reports& all;
  std::size_t index = 0;
};

void on_delivery(rd_kafka_t* /*unused*/, const rd_kafka_message_t* message, void* /*unused*/) {
  const auto& report = *static_cast<const Report*>(message->_private);
  report.all.of[report.index] = message->err;
  --report.all.open;
}

void on_log(const rd_kafka_t* /*unused*/, int /*unused*/, const char* facility, const char* text) {
  logger("notify").debug("kafka facility={} text={}", facility, log_value(text));
}

/// Why the last connection failed; called while the producer is polled.
void on_error(rd_kafka_t* /*unused*/, int /*unused*/, const char* reason, void* last) {
  *static_cast<std::string*>(last) = reason;
}

class Kafka final : public Target {
 public:
  explicit Kafka(TargetConfig config) : config_(std::move(config)) {}

  Result<void> send(std::span<const Message> messages, std::size_t& taken) override {
    const std::scoped_lock lock(mutex_);
    taken = 0;
    if (stopped()) return Error(Errc::kCancelled, "this server stops");
    if (producer_ == nullptr) {
      KELP_CHECK(connect());
    }
    Reports reports{.of = std::vector<std::optional<rd_kafka_resp_err_t>>(messages.size())};
    std::vector<Report> marks;
    marks.reserve(messages.size());
    for (std::size_t i = 0; i < messages.size(); ++i) {
      marks.push_back({reports, i});
      produce(messages[i], marks.back());
    }
    while (reports.open > 0 && !stopped()) rd_kafka_poll(producer_.get(), kPollMs);
    const auto sent = outcome(reports, taken);
    // What is on its way must not arrive behind what is sent again.
    if (!sent) end_producer(reports);
    return sent;
  }

 private:
  void produce(const Message& message, Report& report) {
    ++report.all.open;
    std::array<rd_kafka_vu_t, 7> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = config_.topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_KEY;
    fields[1].u.mem = {const_cast<char*>(message.key.data()), message.key.size()};
    fields[2].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[2].u.mem = {const_cast<char*>(message.body.data()), message.body.size()};
    fields[3].vtype = RD_KAFKA_VTYPE_HEADER;
    fields[3].u.header = {"event", message.name.data(), static_cast<ssize_t>(message.name.size())};
    fields[4].vtype = RD_KAFKA_VTYPE_HEADER;
    fields[4].u.header = {"id", message.id.data(), static_cast<ssize_t>(message.id.size())};
    fields[5].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[5].u.i = RD_KAFKA_MSG_F_COPY;
    fields[6].vtype = RD_KAFKA_VTYPE_OPAQUE;
    fields[6].u.ptr = &report;
    rd_kafka_error_t* const refused =
        rd_kafka_produceva(producer_.get(), fields.data(), fields.size());
    if (refused == nullptr) return;
    report.all.of[report.index] = rd_kafka_error_code(refused);
    rd_kafka_error_destroy(refused);
    --report.all.open;
  }

  Result<void> outcome(const Reports& reports, std::size_t& taken) {
    const auto fine = [](const auto& report) {
      return report.has_value() && *report == RD_KAFKA_RESP_ERR_NO_ERROR;
    };
    const auto failed = std::ranges::find_if_not(reports.of, fine);
    taken = static_cast<std::size_t>(failed - reports.of.begin());
    if (failed == reports.of.end()) return {};
    if (!failed->has_value()) return Error(Errc::kCancelled, "this server stops");
    const bool refused = **failed == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
                         **failed == RD_KAFKA_RESP_ERR_INVALID_RECORD;
    return Error(refused ? Errc::kPermissionDenied : Errc::kUnavailable,
                 fmt::format("Kafka: {}{}{}", rd_kafka_err2str(**failed),
                             last_error_.empty() ? "" : "; ", last_error_));
  }

  /// The reports of what is given up are taken first: they point to `reports`.
  void end_producer(Reports& reports) {
    rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (reports.open > 0) rd_kafka_poll(producer_.get(), kPollMs);
    producer_.reset();
    last_error_.clear();
  }

  Result<void> connect() {
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(config_.timeout);
    const std::string patience = fmt::format("{}", millis.count());
    std::vector<std::pair<const char*, std::string>> settings{
        {"bootstrap.servers", fmt::format("{}", fmt::join(config_.brokers, ","))},
        {"client.id", "kelp"},
        {"acks", "all"},
        // No message overtakes another one, and none comes behind one that was given up.
        {"enable.idempotence", "true"},
        {"enable.gapless.guarantee", "true"},
        {"message.timeout.ms", patience},
        {"linger.ms", "0"}};
    const bool sasl = !config_.user.empty();
    if (config_.tls || sasl) {
      settings.emplace_back("security.protocol",
                            config_.tls ? sasl ? "SASL_SSL" : "SSL" : "SASL_PLAINTEXT");
    }
    if (sasl) {
      settings.emplace_back("sasl.mechanism", "PLAIN");
      settings.emplace_back("sasl.username", config_.user);
      settings.emplace_back("sasl.password", config_.password);
    }
    if (!config_.ca_file.empty()) settings.emplace_back("ssl.ca.location", config_.ca_file);
    Conf conf(rd_kafka_conf_new());
    std::array<char, 512> why{};
    for (const auto& [name, value] : settings) {
      if (rd_kafka_conf_set(conf.get(), name, value.c_str(), why.data(), why.size()) !=
          RD_KAFKA_CONF_OK) {
        return Error(Errc::kInvalidArgument, fmt::format("Kafka: {}", why.data()));
      }
    }
    rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
    rd_kafka_conf_set_log_cb(conf.get(), on_log);
    rd_kafka_conf_set_error_cb(conf.get(), on_error);
    rd_kafka_conf_set_opaque(conf.get(), &last_error_);
    producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why.data(), why.size()));
    if (producer_ == nullptr) {
      return Error(Errc::kResourceExhausted, fmt::format("Kafka: {}", why.data()));
    }
    static_cast<void>(conf.release());  // It is the producer's now.
    return {};
  }

  const TargetConfig config_;
  std::mutex mutex_;
  std::string last_error_;
  Producer producer_;  ///< Dies first: it writes the last error.
};

}  // namespace

Result<std::unique_ptr<Target>> open_kafka(TargetConfig config) {
  return std::make_unique<Kafka>(std::move(config));
}

}  // namespace kelp::notify
