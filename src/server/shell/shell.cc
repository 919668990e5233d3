#include "server/shell/shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace kelp::server {
namespace {

namespace json = boost::json;

Task<void> run_one(const ShellCommand& command, ShellWorld& world, ShellArguments arguments,
                   Result<ShellReply>& reply) {
  reply = co_await command.run(world, std::move(arguments));
}

json::object row_of(const ShellCommand& command) {
  return {{"name", command.name},
          {"usage", usage_text(command)},
          {"help", command.help},
          {"changes", command.changes}};
}

}  // namespace

int Shell::run(std::string_view script) {
  const auto commands = split_commands(script);
  if (!commands.has_value()) {
    static_cast<void>(refuse("", commands.error(), json_));
    return kMisused;
  }
  for (const ShellWords& words : *commands) {
    const int code = run_command(words);
    if (code != kGood || ended_) return code;
  }
  return kGood;
}

int Shell::run_command(const ShellWords& words) {
  const ShellCommand* const command = find_command(words.front());
  if (command == nullptr) {
    const Error unknown(Errc::kInvalidArgument, "there is no such command; `help` lists them");
    return refuse(words.front(), unknown, json_);
  }
  auto arguments = parse_arguments(*command, std::span(words).subspan(1));
  if (!arguments.has_value()) return refuse(command->name, arguments.error(), json_);
  const bool as_json = json_ || arguments->json;
  const auto reply = call(*command, *std::move(arguments));
  if (!reply.has_value()) return refuse(command->name, reply.error(), as_json);
  answer(*reply, as_json);
  return reply->good ? kGood : kFailed;
}

Result<ShellReply> Shell::call(const ShellCommand& command, ShellArguments arguments) {
  if (command.name == "help") return help(arguments);
  if (command.name == "exit") {
    ended_ = true;
    ShellReply reply;
    reply.json = {{"ended", true}};
    return reply;
  }
  KELP_TRY(ShellHost* const host, connect_());
  Result<ShellReply> reply = Error(Errc::kCancelled, "it did not begin");
  host->run(run_one(command, host->world, std::move(arguments), reply));
  return reply;
}

int Shell::refuse(std::string_view command, const Error& error, bool as_json) {
  const bool misused = error.code() == Errc::kInvalidArgument;
  const std::string text = misused ? error.detail() : error.message();
  if (as_json) {
    const json::object body{{"command", command}, {"error", text}};
    fmt::print(out_, "{}\n", json::serialize(body));
  } else {
    fmt::print(err_, "{}{}{}\n", command, command.empty() ? "" : ": ", text);
  }
  std::fflush(out_);
  return misused ? kMisused : kFailed;
}

void Shell::answer(const ShellReply& reply, bool as_json) {
  if (as_json) {
    fmt::print(out_, "{}\n", json::serialize(reply.json));
  } else {
    std::fputs(reply.text.c_str(), out_);
  }
  std::fflush(out_);
}

Result<ShellReply> Shell::help(const ShellArguments& arguments) {
  ShellReply reply;
  if (arguments.has("COMMAND")) {
    const ShellCommand* const command = find_command(arguments.get("COMMAND"));
    if (command == nullptr) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("there is no command {}", arguments.get("COMMAND")));
    }
    reply.json = row_of(*command);
    reply.text =
        fmt::format("{}\n  {}\n{}", usage_text(*command), command->help,
                    command->changes ? "  without --apply it only says what it would do\n" : "");
    return reply;
  }
  json::array rows;
  for (const ShellCommand& command : shell_commands()) {
    rows.push_back(row_of(command));
    reply.text += fmt::format("{:<23} {:<34} {}\n", command.name, command.usage, command.help);
  }
  reply.text += "Those that change something do it with --apply; --json everywhere.\n";
  reply.json = std::move(rows);
  return reply;
}

}  // namespace kelp::server
