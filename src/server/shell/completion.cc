// What Tab offers.

#include <algorithm>
#include <boost/json.hpp>

#include "server/shell/shell.h"

namespace kelp::server {
namespace {

/// A name that completion knows, by what a usage calls it.
std::vector<std::string> names_for(std::string_view argument, const ShellNames& names) {
  if (argument == "NODE" || argument == "FROM" || argument == "TO") return names.nodes;
  if (argument == "VOLUME") return names.volumes;
  if (argument == "ID") return names.masters;
  if (argument == "BUCKET") return names.buckets;
  if (argument == "STATE") return {"readonly"};
  std::vector<std::string> out;
  if (argument == "PATH") {
    for (const std::string& bucket : names.buckets) out.push_back("/" + bucket + "/");
  } else if (argument == "COMMAND") {
    for (const ShellCommand& command : shell_commands()) out.emplace_back(command.name);
  }
  return out;
}

/// The last command of the line, in words; the last one may still be empty.
struct Tail {
  std::vector<std::string_view> words;
  std::size_t begin = 0;  ///< Of the last word.
};

Tail tail_of(std::string_view line) {
  Tail tail;
  const std::size_t command = line.rfind(';') + 1;  // npos + 1 is 0
  tail.begin = command;
  for (std::size_t at = command; at <= line.size(); ++at) {
    if (at < line.size() && line[at] != ' ') continue;
    const std::string_view word = line.substr(tail.begin, at - tail.begin);
    if (!word.empty() || at == line.size()) tail.words.push_back(word);
    if (at < line.size()) tail.begin = at + 1;
  }
  return tail;
}

std::vector<std::string> words_for(const Tail& tail, const ShellNames& names) {
  if (tail.words.size() <= 1) return names_for("COMMAND", names);
  const ShellCommand* const command = find_command(tail.words.front());
  if (command == nullptr) return {};
  if (tail.words.back().starts_with("-")) return options_of(*command);
  const std::string_view before = tail.words[tail.words.size() - 2];
  const std::string value = before.starts_with("--") ? option_value(*command, before) : "";
  if (before == "--collection") return names.collections;
  if (!value.empty()) return names_for(value, names);
  std::size_t position = 0;
  for (std::size_t i = 1; i + 1 < tail.words.size(); ++i) {
    if (tail.words[i].starts_with("--")) {
      if (!option_value(*command, tail.words[i]).empty()) ++i;
    } else {
      ++position;
    }
  }
  const std::string argument = argument_name(*command, position);
  return argument.empty() ? options_of(*command) : names_for(argument, names);
}

Task<void> look_up(ShellWorld& world, ShellNames& names) {
  const auto view = co_await world.masters.view();
  if (view.has_value()) {
    for (const NodeView& node : view->nodes) names.nodes.push_back(node.identity.node_id);
    for (const MasterView& master : view->masters) {
      names.masters.push_back(std::to_string(master.id));
    }
    for (const VolumeView& volume : view->volumes) {
      names.volumes.push_back(std::to_string(volume.location.volume.value));
      names.collections.push_back(volume.collection);
    }
  }
  if (world.filer == nullptr) co_return;
  const auto buckets = co_await world.filer->list_buckets(ListBuckets());
  if (!buckets.has_value()) co_return;
  for (const BucketEntry& bucket : buckets->buckets) names.buckets.push_back(bucket.name);
}

}  // namespace

Completion complete_line(std::string_view line, const ShellNames& names) {
  const Tail tail = tail_of(line);
  Completion out{.begin = tail.begin, .words = words_for(tail, names)};
  const std::string_view word = line.substr(tail.begin);
  std::erase_if(out.words, [word](const std::string& each) { return !each.starts_with(word); });
  std::ranges::sort(out.words);
  const auto same = std::ranges::unique(out.words);
  out.words.erase(same.begin(), same.end());
  return out;
}

Completion Shell::complete(std::string_view line) {
  ShellNames names;
  // A command's own name needs no cluster.
  const bool more = tail_of(line).words.size() > 1;
  if (const auto host = more ? connect_() : Error(Errc::kCancelled, ""); host.has_value()) {
    (*host)->run(look_up((*host)->world, names));
  }
  return complete_line(line, names);
}

}  // namespace kelp::server
