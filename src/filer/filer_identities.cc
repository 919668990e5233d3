#include "filer/filer_identities.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "filer/core/keys.h"

namespace kelp {
namespace {

constexpr std::uint8_t kRevisionFormat = 1;
constexpr std::size_t kMaxKeyBytes = 1024;

/// The first row of all, so that a cursor over them sees it with them.
std::string revision_key() {
  return {keys::kIdentity, '!'};
}
std::string rows_prefix() {
  return {keys::kIdentity, '/'};
}

std::string encode_revision(std::uint64_t revision) {
  std::string out;
  ByteWriter to(out);
  to.fixed(kRevisionFormat);
  to.fixed(revision);
  return out;
}

Result<std::uint64_t> decode_revision(std::string_view row) {
  ByteReader in(row);
  const auto format = in.fixed<std::uint8_t>();
  if (!in.failed() && format != kRevisionFormat) {
    return Error(Errc::kUnimplemented, fmt::format("identities: format {}, this build knows {}",
                                                   format, kRevisionFormat));
  }
  const auto revision = in.fixed<std::uint64_t>();
  KELP_CHECK(in.finish("revision of the identities"));
  return revision;
}

/// Revision and rows of one moment.
Result<Identities> read_page(KvStore& store, const ReadIdentities& request,
                             std::size_t page_bytes) {
  Identities page;
  const KvRange range{revision_key(), keys::behind(rows_prefix())};
  const auto cursor = store.cursor(range);
  cursor->seek(range.begin);
  if (!cursor->valid() || cursor->key() != range.begin) {
    KELP_CHECK(cursor->status());
    return page;
  }
  KELP_TRY(page.revision, decode_revision(cursor->value()));
  if (page.revision == request.known) return page;
  std::size_t bytes = 0;
  const std::string prefix = rows_prefix();
  std::string from = prefix + request.after;
  if (!request.after.empty()) from.push_back('\0');
  for (cursor->seek(from); cursor->valid(); cursor->next()) {
    if (bytes >= page_bytes) {
      page.more = true;
      break;
    }
    bytes += cursor->key().size() + cursor->value().size();
    page.rows.push_back(
        {std::string(cursor->key().substr(prefix.size())), std::string(cursor->value())});
  }
  KELP_CHECK(cursor->status());
  return page;
}

Result<void> check(const ChangeIdentities& request) {
  const auto fits = [](const std::string& key) {
    return !key.empty() && key.size() <= kMaxKeyBytes;
  };
  const bool good = (!request.puts.empty() || !request.removes.empty()) &&
                    std::ranges::all_of(request.puts, fits, &IdentityRow::key) &&
                    std::ranges::all_of(request.removes, fits);
  if (good) return {};
  return Error(Errc::kInvalidArgument, "a change of identities without rows, or with a bad key");
}

}  // namespace

Task<Result<Identities>> FilerIdentities::read_identities(ReadIdentities request) {
  // Nearly always nothing has changed, and that is one row, which is in memory.
  KELP_CO_TRY(const auto row, co_await kv_.get(revision_key()));
  if (!row) co_return Identities{};
  KELP_CO_TRY(const std::uint64_t revision, decode_revision(*row));
  if (revision == request.known) co_return Identities{.revision = revision};
  std::move_only_function<Result<Identities>(KvStore&)> read =
      [asked = std::move(request), bytes = page_bytes_](KvStore& store) {
        return read_page(store, asked, bytes);
      };
  co_return co_await kv_.read<Identities>(std::move(read));
}

Task<Result<IdentityRevision>> FilerIdentities::change_identities(ChangeIdentities request) {
  KELP_CO_CHECK(check(request));
  const std::uint64_t next = request.revision + 1;
  KvBatch batch;
  batch.conditions.push_back(
      request.revision == 0
          ? KvCondition::absent(revision_key())
          : KvCondition::equals(revision_key(), encode_revision(request.revision)));
  batch.writes.push_back(KvWrite::put(revision_key(), encode_revision(next)));
  for (const std::string& key : request.removes) {
    batch.writes.push_back(KvWrite::remove(rows_prefix() + key));
  }
  for (IdentityRow& row : request.puts) {
    batch.writes.push_back(KvWrite::put(rows_prefix() + row.key, std::move(row.value)));
  }
  const auto done = co_await kv_.commit(std::move(batch));
  if (done) co_return IdentityRevision{next};
  if (done.error().code() != Errc::kPrecondition) co_return done.error();
  co_return Error(Errc::kConflict,
                  fmt::format("the identities are not at revision {} any more", request.revision),
                  Reason::kConditionConflict);
}

}  // namespace kelp
