#include "raft/node/message_codec.h"

#include <fmt/format.h>

#include <utility>

#include "base/bytes.h"
#include "base/crc.h"
#include "raft/core/membership.h"

namespace kelp::raft {
namespace {

constexpr std::uint8_t kVersion = 2;  // 1: without reply_to
constexpr std::size_t kSmallestEntryBytes = 4;

/// Values are on the wire: the order of Message::body.
enum class Kind : std::uint8_t {
  kVoteRequest = 1,
  kVoteAnswer = 2,
  kAppendRequest = 3,
  kAppendAnswer = 4,
  kInstallSnapshot = 5,
  kTimeoutNow = 6
};

Error malformed(std::string_view what) {
  return {Errc::kCorruption, fmt::format("raft message: {}", what)};
}

// --- parts

void write_flag(ByteWriter& out, bool value) {
  out.fixed(static_cast<std::uint8_t>(value ? 1 : 0));
}
bool read_flag(ByteReader& in) {
  return in.fixed<std::uint8_t>() != 0;
}
LogIndex read_index(ByteReader& in) {
  return LogIndex{in.varint()};
}
Term read_term(ByteReader& in) {
  return Term{in.varint()};
}

void write_mark(ByteWriter& out, const SnapshotMark& mark) {
  out.varint(mark.index.value);
  out.varint(mark.term.value);
  out.text(encode_membership(mark.membership));
}

Result<SnapshotMark> read_mark(ByteReader& in) {
  SnapshotMark mark;
  mark.index = read_index(in);
  mark.term = read_term(in);
  const std::string_view membership = in.text();
  if (in.failed()) return malformed("a cut snapshot mark");
  KELP_TRY(mark.membership, decode_membership(membership));
  return mark;
}

void write_entry(ByteWriter& out, const Entry& entry) {
  out.varint(entry.term.value);
  out.varint(entry.index.value);
  out.fixed(static_cast<std::uint8_t>(entry.kind));
  out.text(entry.data);
}

Result<Entry> read_entry(ByteReader& in) {
  Entry entry;
  entry.term = read_term(in);
  entry.index = read_index(in);
  entry.kind = static_cast<EntryKind>(in.fixed<std::uint8_t>());
  entry.data = in.text();
  if (in.failed()) return malformed("a cut entry");
  if (entry.kind < EntryKind::kCommand || entry.kind > EntryKind::kNothing) {
    return malformed(fmt::format("an entry of kind {}", int(entry.kind)));
  }
  return entry;
}

// --- bodies

struct BodyWriter {
  ByteWriter& out;
  void operator()(const VoteRequest& body) const {
    out.fixed(static_cast<std::uint8_t>(Kind::kVoteRequest));
    out.varint(body.last_index.value);
    out.varint(body.last_term.value);
    write_flag(out, body.pre);
    write_flag(out, body.transfer);
  }
  void operator()(const VoteAnswer& body) const {
    out.fixed(static_cast<std::uint8_t>(Kind::kVoteAnswer));
    write_flag(out, body.pre);
    write_flag(out, body.granted);
  }
  void operator()(const AppendRequest& body) const {
    out.fixed(static_cast<std::uint8_t>(Kind::kAppendRequest));
    out.varint(body.previous_index.value);
    out.varint(body.previous_term.value);
    out.varint(body.commit.value);
    out.varint(body.read_sequence);
    out.varint(body.entries.size());
    for (const Entry& entry : body.entries) write_entry(out, entry);
  }
  void operator()(const AppendAnswer& body) const {
    out.fixed(static_cast<std::uint8_t>(Kind::kAppendAnswer));
    write_flag(out, body.accepted);
    out.varint(body.match.value);
    out.varint(body.hint_index.value);
    out.varint(body.hint_term.value);
    out.varint(body.read_sequence);
  }
  void operator()(const InstallSnapshot& body) const {
    out.fixed(static_cast<std::uint8_t>(Kind::kInstallSnapshot));
    write_mark(out, body.mark);
  }
  void operator()(const TimeoutNow&) const {
    out.fixed(static_cast<std::uint8_t>(Kind::kTimeoutNow));
  }
};

VoteRequest read_vote_request(ByteReader& in) {
  VoteRequest body;
  body.last_index = read_index(in);
  body.last_term = read_term(in);
  body.pre = read_flag(in);
  body.transfer = read_flag(in);
  return body;
}

VoteAnswer read_vote_answer(ByteReader& in) {
  VoteAnswer body;
  body.pre = read_flag(in);
  body.granted = read_flag(in);
  return body;
}

Result<AppendRequest> read_append_request(ByteReader& in) {
  AppendRequest body;
  body.previous_index = read_index(in);
  body.previous_term = read_term(in);
  body.commit = read_index(in);
  body.read_sequence = in.varint();
  const std::uint64_t count = in.varint();
  if (in.failed() || count > in.remaining() / kSmallestEntryBytes) {
    return malformed(fmt::format("{} entries in {} bytes", count, in.remaining()));
  }
  body.entries.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    KELP_TRY(Entry entry, read_entry(in));
    body.entries.push_back(std::move(entry));
  }
  return body;
}

AppendAnswer read_append_answer(ByteReader& in) {
  AppendAnswer body;
  body.accepted = read_flag(in);
  body.match = read_index(in);
  body.hint_index = read_index(in);
  body.hint_term = read_term(in);
  body.read_sequence = in.varint();
  return body;
}

Result<void> read_body(ByteReader& in, Message& message) {
  switch (static_cast<Kind>(in.fixed<std::uint8_t>())) {
    case Kind::kVoteRequest:
      message.body = read_vote_request(in);
      return {};
    case Kind::kVoteAnswer:
      message.body = read_vote_answer(in);
      return {};
    case Kind::kAppendRequest: {
      KELP_TRY(message.body, read_append_request(in));
      return {};
    }
    case Kind::kAppendAnswer:
      message.body = read_append_answer(in);
      return {};
    case Kind::kInstallSnapshot: {
      KELP_TRY(SnapshotMark mark, read_mark(in));
      message.body = InstallSnapshot{.mark = std::move(mark)};
      return {};
    }
    case Kind::kTimeoutNow:
      message.body = TimeoutNow{};
      return {};
  }
  return malformed("of an unknown kind");
}

// --- envelope

void write_envelope(ByteWriter& out, const Envelope& envelope, std::string_view attachment) {
  const bool with_address = !envelope.reply_to.empty();
  out.fixed(with_address ? kVersion : std::uint8_t{1});
  out.text(envelope.cluster_id);
  out.varint(envelope.from.value);
  out.varint(envelope.to.value);
  if (with_address) out.text(envelope.reply_to);
  out.fixed(crc32c(as_bytes(attachment)));
}

struct Opened {
  Envelope envelope;
  std::uint32_t attachment_crc = 0;
};

Result<Opened> read_envelope(ByteReader& in) {
  const auto version = in.fixed<std::uint8_t>();
  if (!in.failed() && (version == 0 || version > kVersion)) {
    return Error(
        version > kVersion ? Errc::kUnimplemented : Errc::kCorruption,
        fmt::format("raft message of format {}, this program knows {}", version, kVersion));
  }
  Opened opened;
  opened.envelope.cluster_id = in.text();
  opened.envelope.from = NodeId{in.varint()};
  opened.envelope.to = NodeId{in.varint()};
  if (version > 1) opened.envelope.reply_to = in.text();
  opened.attachment_crc = in.fixed<std::uint32_t>();
  if (in.failed()) return malformed("a cut envelope");
  return opened;
}

Result<Envelope> open_packet(ByteReader& in, std::string_view attachment) {
  KELP_TRY(Opened opened, read_envelope(in));
  if (opened.attachment_crc != crc32c(as_bytes(attachment))) {
    return malformed("the attachment does not match its checksum");
  }
  return std::move(opened.envelope);
}

}  // namespace

Packet encode_messages(const Envelope& envelope, const std::vector<Message>& messages) {
  Packet packet;
  ByteWriter attachment(packet.attachment);
  attachment.varint(messages.size());
  for (const Message& message : messages) {
    attachment.varint(message.term.value);
    std::visit(BodyWriter{attachment}, message.body);
  }
  ByteWriter out(packet.message);
  write_envelope(out, envelope, packet.attachment);
  return packet;
}

Packet encode_chunk(const Envelope& envelope, SnapshotChunk chunk) {
  Packet packet;
  ByteWriter out(packet.message);
  write_envelope(out, envelope, chunk.bytes);
  out.varint(chunk.term.value);
  write_mark(out, chunk.mark);
  out.varint(chunk.total_bytes);
  out.varint(chunk.offset);
  packet.attachment = std::move(chunk.bytes);
  return packet;
}

Result<Envelope> decode_envelope(std::string_view message) {
  ByteReader in(message);
  KELP_TRY(Opened opened, read_envelope(in));
  return std::move(opened.envelope);
}

Result<std::vector<Message>> decode_messages(std::string_view message,
                                             std::string_view attachment) {
  ByteReader outer(message);
  KELP_TRY(const Envelope envelope, open_packet(outer, attachment));
  KELP_CHECK(outer.finish("raft message"));
  ByteReader in(attachment);
  const std::uint64_t count = in.varint();
  if (in.failed() || count > in.remaining()) return malformed("more messages than bytes");
  std::vector<Message> messages;
  for (std::uint64_t i = 0; i < count; ++i) {
    Message next;
    next.from = envelope.from;
    next.to = envelope.to;
    next.term = read_term(in);
    KELP_CHECK(read_body(in, next));
    messages.push_back(std::move(next));
  }
  KELP_CHECK(in.finish("raft messages"));
  return messages;
}

Result<SnapshotChunk> decode_chunk(std::string_view message, std::string attachment) {
  ByteReader in(message);
  KELP_TRY(const Envelope envelope, open_packet(in, attachment));
  SnapshotChunk chunk;
  chunk.from = envelope.from;
  chunk.term = read_term(in);
  KELP_TRY(chunk.mark, read_mark(in));
  chunk.total_bytes = in.varint();
  chunk.offset = in.varint();
  KELP_CHECK(in.finish("raft snapshot chunk"));
  chunk.bytes = std::move(attachment);
  return chunk;
}

std::size_t encoded_bytes(const Message& message) {
  constexpr std::size_t kFixedBytes = 64;
  std::size_t bytes = kFixedBytes;
  if (const auto* append = std::get_if<AppendRequest>(&message.body)) {
    for (const Entry& entry : append->entries) bytes += entry.data.size() + 32;
  }
  return bytes;
}

}  // namespace kelp::raft
