#include "mount/open_file.h"

#include <algorithm>

#include "base/log.h"
#include "mount/core/part_sizes.h"

namespace kelp::mount {
namespace {

constexpr std::uint64_t kLoadBytes = 8 << 20;
// A file that somebody reads while it is removed here is kept for the reader up to this size.
constexpr std::uint64_t kKeptBytes = 64 << 20;

}  // namespace

OpenFile::OpenFile(const FileNeeds& needs, std::string key, ObjectFacts facts)
    : needs_(needs), key_(std::move(key)), facts_(std::move(facts)), dirty_(facts_.etag.empty()) {
  publish();
}

OpenFile::Seen OpenFile::seen() const {
  const std::scoped_lock lock(seen_mutex_);
  return seen_;
}

void OpenFile::publish() {
  if (spool_ != nullptr) facts_.size_bytes = spool_->size();
  const std::scoped_lock lock(seen_mutex_);
  seen_ = {.etag = facts_.etag,
           .size_bytes = facts_.size_bytes,
           .modified = facts_.modified,
           .unsaved = dirty_ && !removed_};
}

ObjectFacts OpenFile::facts() {
  const std::scoped_lock lock(mutex_);
  return facts_;
}

Outcome<std::size_t> OpenFile::read(ReadCursor& cursor, std::uint64_t offset,
                                    MutableByteSpan buffer) {
  std::unique_lock lock(mutex_);
  if (spool_ != nullptr) return spool_->read(offset, buffer);
  const std::string key = key_;
  const std::string etag = facts_.etag;
  const std::uint64_t end = facts_.size_bytes;
  lock.unlock();
  const std::scoped_lock reading(cursor.mutex_);
  if (cursor.etag_ != etag) {
    cursor.bytes_.clear();
    cursor.etag_ = etag;
  }
  std::size_t done = 0;
  while (done < buffer.size() && offset + done < end) {
    const std::uint64_t at = offset + done;
    if (at < cursor.begin_ || at >= cursor.begin_ + cursor.bytes_.size()) {
      const std::uint64_t bytes = cursor.window_.fetch_bytes(at, buffer.size() - done, end);
      KELP_TRY(cursor.bytes_, needs_.bucket.read(key, etag, at, bytes));
      cursor.begin_ = at;
    }
    const std::string_view have = std::string_view(cursor.bytes_).substr(at - cursor.begin_);
    const std::size_t part = std::min(have.size(), buffer.size() - done);
    std::ranges::copy(as_bytes(have.substr(0, part)), buffer.begin() + done);
    done += part;
    cursor.window_.answered(at + part);
  }
  return done;
}

Outcome<void> OpenFile::make_empty() {
  abandon_upload();
  spool_.reset();
  KELP_TRY(spool_, Spool::make(needs_.spools));
  derived_ = false;
  growing_ = true;
  failed_.reset();
  return {};
}

// The content of the object in a spool, so that it can be changed.
Outcome<void> OpenFile::own_content() {
  if (spool_ != nullptr) return {};
  if (facts_.etag.empty() || facts_.size_bytes == 0) return make_empty();
  if (facts_.size_bytes > needs_.spools.limit_bytes) return Errno{EFBIG};
  KELP_TRY(auto spool, Spool::make(needs_.spools));
  while (spool->size() < facts_.size_bytes) {
    const std::uint64_t at = spool->size();
    KELP_TRY(
        const std::string bytes,
        needs_.bucket.read(key_, facts_.etag, at, std::min(kLoadBytes, facts_.size_bytes - at)));
    KELP_CHECK(spool->write(at, as_bytes(bytes)));
  }
  spool_ = std::move(spool);
  derived_ = true;
  growing_ = false;
  return {};
}

Outcome<void> OpenFile::write(std::optional<std::uint64_t> offset, ByteSpan bytes) {
  const std::scoped_lock lock(mutex_);
  if (failed_) return *failed_;
  KELP_CHECK(own_content());
  const std::uint64_t at = offset.value_or(spool_->size());
  growing_ = growing_ && at == spool_->size();
  if (upload_ && at < upload_->sent_bytes) {
    KELP_CHECK(restart_upload());
  }
  KELP_CHECK(write_spool(at, bytes));
  dirty_ = true;
  facts_.modified = needs_.clock.wall();
  publish();
  while (growing_ && !removed_) {
    const std::uint64_t sent = upload_ ? upload_->sent_bytes : 0;
    const std::uint64_t part = part_bytes(upload_ ? upload_->parts.size() + 1 : 1);
    // A file that may be small enough for one request is not begun.
    if (spool_->size() < std::max(sent + part, kSinglePutBytes)) break;
    if (const auto done = send_part(part); !done) {
      failed_ = done.error();
      abandon_upload();
      return *failed_;
    }
  }
  return {};
}

Outcome<void> OpenFile::write_spool(std::uint64_t offset, ByteSpan bytes) {
  auto written = spool_->write(offset, bytes);
  if (written || !upload_ || written.error() != Errno{ENOSPC}) return written;
  // What the gateway has need not be here any more.
  spool_->drop_front(upload_->sent_bytes);
  return spool_->write(offset, bytes);
}

Outcome<void> OpenFile::truncate(std::uint64_t size) {
  const std::scoped_lock lock(mutex_);
  if (size == 0) {
    KELP_CHECK(make_empty());
  } else {
    if (failed_) return *failed_;
    KELP_CHECK(own_content());
    if (upload_ && size < upload_->sent_bytes) {
      KELP_CHECK(restart_upload());
    }
    growing_ = growing_ && size == spool_->size();
    KELP_CHECK(spool_->truncate(size));
  }
  dirty_ = true;
  facts_.modified = needs_.clock.wall();
  publish();
  return {};
}

Body OpenFile::body_of(std::uint64_t offset, std::uint64_t bytes) {
  return {.size_bytes = bytes, .read = [this, offset](std::uint64_t at, MutableByteSpan buffer) {
            const auto read = spool_->read(offset + at, buffer);
            return read.has_value() && *read == buffer.size();
          }};
}

Outcome<void> OpenFile::send_part(std::uint64_t bytes) {
  if (!upload_) {
    KELP_TRY(std::string id, needs_.bucket.begin_upload(key_, facts_));
    upload_ = Upload{.id = std::move(id), .facts = facts_};
  }
  KELP_TRY(UploadedPart part, needs_.bucket.put_part(key_, upload_->id, upload_->parts.size() + 1,
                                                     body_of(upload_->sent_bytes, bytes)));
  upload_->parts.push_back(std::move(part));
  upload_->sent_bytes += bytes;
  return {};
}

// What went up is not what the file has any more: all of it goes up anew with the next flush.
Outcome<void> OpenFile::restart_upload() {
  if (spool_->dropped() > 0) {
    logger("mount").error("too_large_to_rewrite key={} bytes={}", log_value(key_), spool_->size());
    return Errno{EFBIG};
  }
  abandon_upload();
  growing_ = false;
  return {};
}

void OpenFile::abandon_upload() {
  if (upload_) needs_.bucket.abort_upload(key_, upload_->id);
  upload_.reset();
}

Outcome<void> OpenFile::flush() {
  const std::scoped_lock lock(mutex_);
  return flush_locked();
}

Outcome<void> OpenFile::flush_locked() {
  if (failed_) return *failed_;
  if (!dirty_ || removed_) return {};
  if (spool_ == nullptr) {
    KELP_CHECK(own_content());
  }
  publish();
  const WriteCondition condition{.absent = false, .etag = derived_ ? facts_.etag : std::string()};
  auto etag = send_all(condition);
  if (!etag) {
    logger("mount").error("upload_failed key={} bytes={} errno={}", log_value(key_),
                          facts_.size_bytes, etag.error().number);
    // A front that is gone here cannot go up again.
    if (spool_->dropped() > 0) failed_ = etag.error();
    abandon_upload();
    return etag.error();
  }
  upload_.reset();
  facts_.etag = *std::move(etag);
  dirty_ = false;
  publish();
  if (spool_->dropped() > 0) spool_.reset();
  return {};
}

Outcome<std::string> OpenFile::send_all(const WriteCondition& condition) {
  const std::uint64_t size = spool_->size();
  if (!upload_ && size <= kSinglePutBytes) {
    return needs_.bucket.put(key_, body_of(0, size), facts_, condition);
  }
  while (!upload_ || upload_->sent_bytes < size) {
    const std::uint64_t sent = upload_ ? upload_->sent_bytes : 0;
    const std::uint64_t part = part_bytes(upload_ ? upload_->parts.size() + 1 : 1);
    KELP_CHECK(send_part(std::min(part, size - sent)));
  }
  return complete(condition);
}

// Metadata and time go with the beginning of an upload: what was set since is set behind it.
Outcome<std::string> OpenFile::complete(const WriteCondition& condition) {
  upload_->facts.size_bytes = facts_.size_bytes;
  KELP_TRY(std::string etag, needs_.bucket.complete_upload(key_, upload_->id, upload_->parts,
                                                           upload_->facts, condition));
  if (!upload_->facts_changed) {
    facts_.modified = upload_->facts.modified;
    return etag;
  }
  ObjectFacts facts = facts_;
  facts.etag = etag;
  auto set = needs_.bucket.set_metadata(key_, facts);
  if (set || set.error() != Errno{EFBIG} || upload_->facts.metadata != facts.metadata) return set;
  facts_.modified = upload_->facts.modified;  // all that could not be set is a time
  return etag;
}

Outcome<void> OpenFile::change_facts(const std::function<Outcome<void>(ObjectFacts&)>& change) {
  const std::scoped_lock lock(mutex_);
  ObjectFacts facts = facts_;
  KELP_CHECK(change(facts));
  if (!dirty_ && !removed_) {
    KELP_TRY(facts.etag, needs_.bucket.set_metadata(key_, facts));
  }
  facts_ = std::move(facts);
  if (upload_) upload_->facts_changed = true;
  publish();
  return {};
}

Outcome<void> OpenFile::rename_to(const std::string& to, bool keep_target) {
  const std::scoped_lock lock(mutex_);
  KELP_CHECK(flush_locked());
  KELP_CHECK(needs_.bucket.rename(key_, facts_.etag, to, keep_target));
  key_ = to;
  return {};
}

void OpenFile::keep_locked() {
  if (spool_ != nullptr || facts_.etag.empty() || facts_.size_bytes > kKeptBytes) return;
  // Without it readers get ESTALE.
  [[maybe_unused]] const auto kept = own_content();
}

void OpenFile::keep_for_readers() {
  const std::scoped_lock lock(mutex_);
  keep_locked();
}

Outcome<void> OpenFile::remove() {
  const std::scoped_lock lock(mutex_);
  keep_locked();
  KELP_CHECK(needs_.bucket.remove(key_));
  abandon_upload();
  removed_ = true;
  publish();
  return {};
}

void OpenFile::replaced() {
  const std::scoped_lock lock(mutex_);
  abandon_upload();
  removed_ = true;
  publish();
}

}  // namespace kelp::mount
