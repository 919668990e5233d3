#pragma once

#include <fmt/format.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "wire/entry.h"
#include "wire/row_pieces.h"

namespace kelp {

/// The layout of every message; another one is refused.
inline constexpr std::uint8_t kMessageVersion = 1;
/// Rises whenever a field is appended to any struct that travels (see since()).
inline constexpr std::uint8_t kMessageRevision = 5;

/// The members of a struct in the order in which they travel; a struct without it does not travel.
/// A new member goes to the end, as since(N, &T::member) with N the kMessageRevision that it
/// brings. docs/formats/rpc-messages.md has the rules.
template <typename T>
inline constexpr auto kFields = nullptr;

/// First and last enumerator of an enum that travels.
template <typename E>
inline constexpr std::pair<E, E> kEnumerators = {};
template <>
inline constexpr std::pair kEnumerators<ChecksumAlgorithm> = {ChecksumAlgorithm::kCrc32,
                                                              ChecksumAlgorithm::kXxhash128};
template <>
inline constexpr std::pair kEnumerators<ChecksumType> = {ChecksumType::kFullObject,
                                                         ChecksumType::kComposite};

/// A member that older peers do not know.
template <typename Member>
struct Since {
  std::uint8_t revision = 0;
  Member member;
};
/// See kFields.
template <typename Member>
constexpr Since<Member> since(std::uint8_t revision, Member member) {
  return {revision, member};
}

namespace message {

/// Whatever has kFields.
template <typename T>
concept Struct = !std::same_as<std::remove_cvref_t<decltype(kFields<T>)>, std::nullptr_t>;

/// Converts to whatever a member wants: counts members by trying how many initializers fit.
struct Anything {
  template <typename T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};
/// How many members an aggregate has.
template <typename T, typename... Given>
consteval std::size_t members_of() {
  if constexpr (requires { T{Given{}..., Anything{}}; }) {
    return members_of<T, Given..., Anything>();
  } else {
    return sizeof...(Given);
  }
}
/// Whoever adds a member to a struct is reminded of kFields by the compiler.
template <typename T>
concept Complete = std::tuple_size_v<std::remove_cvref_t<decltype(kFields<T>)>> == members_of<T>();

/// Appends values to a message.
class Writer {
 public:
  /// `out` must outlive the writer. Members younger than `revision` are left out.
  Writer(std::string& out, std::uint8_t revision) : out_(out), to_(out), revision_(revision) {}

  void put(bool value) { to_.fixed(static_cast<std::uint8_t>(value)); }
  template <std::unsigned_integral T>
  void put(T value) {
    to_.varint(value);
  }
  void put(std::int64_t value) { to_.fixed(static_cast<std::uint64_t>(value)); }
  void put(const std::string& value) { to_.text(value); }
  void put(WallTime value) { encode_time(value, out_); }
  void put(std::chrono::milliseconds value) { put(static_cast<std::int64_t>(value.count())); }
  template <typename Tag, typename Int>
  void put(StrongId<Tag, Int> value) {
    to_.varint(value.value);
  }
  template <typename E>
    requires std::is_enum_v<E>
  void put(E value) {
    to_.varint(static_cast<std::uint64_t>(value));
  }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <typename T>
  void put(const std::vector<T>& values) {
    to_.varint(values.size());
    for (const T& value : values) put(value);
  }
  // These have codecs of their own (wire/entry.h).
  void put(const ObjectEntry& entry) { to_.text(encode_entry(entry)); }
  void put(const BucketEntry& bucket) { to_.text(encode_bucket(bucket)); }
  void put(const std::vector<Checksum>& checksums) { encode_checksums(checksums, out_); }
  void put(const Checksum& checksum) { put(std::vector{checksum}); }
  void put(const std::vector<Chunk>& chunks) { encode_chunks(chunks, ChunkForm::kPlain, out_); }
  void put(const ObjectHeaders& headers) {
    encode_headers(headers, out_);
    encode_storage_class(headers.storage_class, out_);
  }
  /// A struct inside a message: its length in front, so that an older reader finds its end.
  template <Struct T>
  void put(const T& value) {
    const std::size_t at = out_.size();
    to_.fixed(std::uint32_t{0});
    fields(value);
    const auto length = static_cast<std::uint32_t>(out_.size() - at - sizeof(std::uint32_t));
    std::memcpy(out_.data() + at, &length, sizeof length);
  }
  /// The members of a struct without its length.
  template <Struct T>
  void fields(const T& value) {
    static_assert(Complete<T>, "a member is missing in kFields (src/wire/*_messages.h)");
    std::apply([&](const auto&... field) { (give(value, field), ...); }, kFields<T>);
  }

 private:
  template <typename T, typename Member>
  void give(const T& value, Member member) {
    put(value.*member);
  }
  template <typename T, typename Member>
  void give(const T& value, Since<Member> field) {
    if (revision_ >= field.revision) put(value.*field.member);
  }

  std::string& out_;
  ByteWriter to_;
  std::uint8_t revision_;
};

/// Reads what Writer wrote; latches failed() as ByteReader does.
class Reader {
 public:
  Reader(ByteReader& in, std::uint8_t revision) : in_(in), revision_(revision) {}

  void get(bool& value) {
    const auto byte = in_.fixed<std::uint8_t>();
    if (byte > 1) spoil();
    value = byte != 0;
  }
  template <std::unsigned_integral T>
  void get(T& value) {
    const std::uint64_t wide = in_.varint();
    value = static_cast<T>(wide);
    if (value != wide) spoil();
  }
  void get(std::int64_t& value) { value = static_cast<std::int64_t>(in_.fixed<std::uint64_t>()); }
  void get(std::string& value) { value = in_.text(); }
  void get(WallTime& value) { value = decode_time(in_); }
  void get(std::chrono::milliseconds& value) {
    std::int64_t count = 0;
    get(count);
    value = std::chrono::milliseconds(count);
  }
  template <typename Tag, typename Int>
  void get(StrongId<Tag, Int>& value) {
    get(value.value);
  }
  template <typename E>
    requires std::is_enum_v<E>
  void get(E& value) {
    const std::uint64_t number = in_.varint();
    const auto [first, last] = kEnumerators<E>;
    static_assert(kEnumerators<E>.first != kEnumerators<E>.second, "kEnumerators is missing");
    const bool known =
        number >= static_cast<std::uint64_t>(first) && number <= static_cast<std::uint64_t>(last);
    if (!known) spoil();
    value = known ? static_cast<E>(number) : first;
  }
  template <typename T>
  void get(std::optional<T>& value) {
    bool has = false;
    get(has);
    if (has && !in_.failed()) get(value.emplace());
  }
  template <typename T>
  void get(std::vector<T>& values) {
    const std::uint64_t count = in_.varint();
    for (std::uint64_t i = 0; i < count && !in_.failed(); ++i) get(values.emplace_back());
  }
  void get(ObjectEntry& entry) { row(decode_entry(in_.text()), entry); }
  void get(BucketEntry& bucket) { row(decode_bucket(in_.text()), bucket); }
  void get(std::vector<Checksum>& checksums) { checksums = decode_checksums(in_); }
  void get(Checksum& checksum) {
    auto one = decode_checksums(in_);
    if (one.size() != 1) return spoil();
    checksum = std::move(one.front());
  }
  void get(std::vector<Chunk>& chunks) { chunks = decode_chunks(in_, ChunkForm::kPlain); }
  void get(ObjectHeaders& headers) {
    headers = decode_headers(in_);
    headers.storage_class = decode_storage_class(in_);
  }
  template <Struct T>
  void get(T& value) {
    const auto length = in_.fixed<std::uint32_t>();
    ByteReader inner(in_.raw(length));
    Reader reader(inner, revision_);
    reader.fields(value);
    if (inner.failed() || (inner.remaining() > 0 && !newer())) spoil();
  }
  template <Struct T>
  void fields(T& value) {
    static_assert(Complete<T>, "a member is missing in kFields (src/wire/*_messages.h)");
    std::apply([&](const auto&... field) { (take(value, field), ...); }, kFields<T>);
  }
  /// The sender knows members that we do not.
  [[nodiscard]] bool newer() const { return revision_ > kMessageRevision; }

 private:
  template <typename T, typename Member>
  void take(T& value, Member member) {
    get(value.*member);
  }
  template <typename T, typename Member>
  void take(T& value, Since<Member> field) {
    if (revision_ >= field.revision) get(value.*field.member);
  }
  template <typename T>
  void row(Result<T> decoded, T& value) {
    if (!decoded) return spoil();
    value = *std::move(decoded);
  }
  void spoil() { kelp::spoil(in_); }

  ByteReader& in_;
  std::uint8_t revision_;
};

}  // namespace message

/// A message as it travels, as a build of `revision` sends it: another one than ours in tests only.
template <message::Struct T>
[[nodiscard]] std::string encode_message(const T& value, std::uint8_t revision = kMessageRevision) {
  std::string out;
  out.reserve(128);
  ByteWriter head(out);
  head.fixed(kMessageVersion);
  head.fixed(revision);
  message::Writer(out, revision).fields(value);
  return out;
}

/// What encode_message() was given. `what` names it in errors. kCorruption (truncated, malformed,
/// more bytes than it should have), kUnimplemented (another version; names both).
template <message::Struct T>
[[nodiscard]] Result<T> decode_message(std::string_view bytes, std::string_view what) {
  ByteReader in(bytes);
  const auto version = in.fixed<std::uint8_t>();
  const auto revision = in.fixed<std::uint8_t>();
  if (!in.failed() && version != kMessageVersion) {
    return Error(Errc::kUnimplemented, fmt::format("{}: message version {}, this build knows {}",
                                                   what, version, kMessageVersion));
  }
  T value;
  message::Reader reader(in, revision);
  reader.fields(value);
  if (!in.failed() && reader.newer()) return value;
  KELP_CHECK(in.finish(what));
  return value;
}

}  // namespace kelp
