// What a Raft member reads from its peers and its disk. The first byte says what the rest is taken
// for.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "base/crc.h"
#include "raft/node/message_codec.h"
#include "raft/node/snapshot_format.h"
#include "raft/node/wal_format.h"

namespace {

using namespace kelp;
using namespace kelp::raft;

void require(bool holds) {
  if (!holds) std::abort();
}

const Envelope kEnvelope{.cluster_id = "c", .from = NodeId{1}, .to = NodeId{2}};

/// An envelope that fits `attachment`.
std::string envelope_for(std::string_view attachment) {
  std::string message;
  ByteWriter writer(message);
  writer.fixed(std::uint8_t{1});
  writer.text(kEnvelope.cluster_id);
  writer.varint(kEnvelope.from.value);
  writer.varint(kEnvelope.to.value);
  writer.fixed(crc32c(as_bytes(attachment)));
  return message;
}

void messages(std::string_view attachment) {
  const auto read = decode_messages(envelope_for(attachment), attachment);
  if (!read) return;
  const Packet again = encode_messages(kEnvelope, *read);
  const auto twice = decode_messages(again.message, again.attachment);
  require(twice.has_value() && *twice == *read);
}

void chunk(std::string_view rest) {
  const auto read = decode_chunk(envelope_for("piece").append(rest), "piece");
  if (!read) return;
  require(read->bytes == "piece");
  const Packet again = encode_chunk(kEnvelope, *read);
  const auto twice = decode_chunk(again.message, again.attachment);
  require(twice.has_value() && twice->mark == read->mark && twice->offset == read->offset);
}

void segment(std::string_view bytes) {
  const auto header = decode_segment_header(bytes);
  const SegmentHeader known{.cluster_id = "c", .node = NodeId{1}, .salt = 7};
  static_cast<void>(read_frame(header ? *header : known, bytes, 0));
  static_cast<void>(read_frame(known, bytes, kSegmentHeaderBytes));
  static_cast<void>(find_frame(known, bytes, 0));
}

void with_checksum(std::string bytes) {
  ByteWriter(bytes).fixed(crc32c(as_bytes(bytes)));
  const auto snapshot = decode_snapshot(bytes);
  if (!snapshot) return;
  const std::string again = encode_snapshot(snapshot->cluster_id, snapshot->mark, snapshot->state);
  const auto twice = decode_snapshot(again);
  require(twice.has_value() && twice->mark == snapshot->mark && twice->state == snapshot->state);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 0:
      messages(rest);
      break;
    case 1:
      chunk(rest);
      break;
    case 2: {
      LogReplay replay;
      if (replay.take(rest)) static_cast<void>(replay.last());
      break;
    }
    case 3:
      segment(rest);
      break;
    case 4:
      with_checksum(std::string(rest));
      break;
    default:
      static_cast<void>(decode_envelope(rest));
      static_cast<void>(decode_messages(rest, rest));
      static_cast<void>(decode_snapshot(rest));
  }
  return 0;
}
