// Words, arguments, tables and completion: what the shell does with text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "server/shell/shell.h"
#include "server/shell/table.h"

namespace kelp::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ShellWords, DivideCommandsAndWordsAsAShellDoes) {
  const auto split = [](std::string_view script) { return split_commands(script).value(); };
  EXPECT_THAT(split(" a  b\t c ;d;\n e # no ; words\nf#g"),
              ElementsAre(ElementsAre("a", "b", "c"), ElementsAre("d"), ElementsAre("e"),
                          ElementsAre("f#g")));
  EXPECT_THAT(split(R"(a 'b ;"c' "d \" e" f\ g '' h"i j"k)"),
              ElementsAre(ElementsAre("a", "b ;\"c", "d \" e", "f g", "", "hi jk")));
  EXPECT_THAT(split(" ;; \n# all\n"), IsEmpty());
  EXPECT_THAT(split(""), IsEmpty());
  EXPECT_EQ(split_commands("a 'b").error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(split_commands("a \"b\\\"").error().code(), Errc::kInvalidArgument);
}

Result<ShellArguments> parse(std::string_view text) {
  const auto words = split_commands(text).value().front();
  const ShellCommand* const command = find_command(words.front());
  if (command == nullptr) return Error(Errc::kNotFound, "no command");
  return parse_arguments(*command, std::span(words).subspan(1));
}

TEST(ShellArguments, AreNamedByTheUsage) {
  const auto move = parse("volume.move 3 --apply from to --json");
  ASSERT_TRUE(move.has_value()) << move.error().detail();
  EXPECT_EQ(move->number("VOLUME", 0).value(), 3U);
  EXPECT_EQ(move->get("FROM"), "from");
  EXPECT_EQ(move->get("TO"), "to");
  EXPECT_TRUE(move->apply && move->json);
  const auto list = parse("volume.list -node abc --collection=c");
  ASSERT_TRUE(list.has_value()) << list.error().detail();
  EXPECT_EQ(list->get("--node"), "abc");
  EXPECT_EQ(list->get("--collection"), "c");
  EXPECT_FALSE(list->apply);
  EXPECT_TRUE(parse("fs.ls /b --recursive --limit 5")->has("--recursive"));
  EXPECT_TRUE(parse("volume.mark 3 readonly -apply")->apply);
}

TEST(ShellArguments, RefuseWhatTheUsageDoesNotHave) {
  for (const char* wrong : {"volume.move 3 from", "volume.move 3 a b c", "volume.list --apply",
                            "volume.list --nod a", "volume.list --node", "fs.meta.cat", "lock me",
                            "volume.list x", "volume.grow 1 --apply=false", "volume.list --json=no",
                            "fs.ls --recursive=no", "volume.list --nod=a"}) {
    const auto refused = parse(wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument);
    EXPECT_THAT(refused.error().detail(), HasSubstr("usage: ")) << wrong;
  }
  EXPECT_EQ(parse("volume.grow many")->number("COUNT", 0).error().code(), Errc::kInvalidArgument);
}

TEST(ShellCommands, AreSortedNamedOnceAndExplained) {
  const auto all = shell_commands();
  EXPECT_GE(all.size(), 20U);
  EXPECT_TRUE(std::ranges::is_sorted(all, std::ranges::less_equal{}, &ShellCommand::name));
  for (const ShellCommand& command : all) {
    EXPECT_FALSE(command.help.empty()) << command.name;
    EXPECT_THAT(usage_text(command), HasSubstr("[--json]"));
    EXPECT_EQ(usage_text(command).find("--apply") != std::string::npos, command.changes);
  }
  EXPECT_EQ(usage_text(*find_command("volume.move")),
            "volume.move VOLUME FROM TO [--apply] [--json]");
  EXPECT_EQ(usage_text(*find_command("fs.ls")),
            "fs.ls [PATH] [--limit COUNT] [--recursive] [--json]");
}

TEST(ShellTable, AlignsTextLeftAndNumbersRight) {
  const Column columns[] = {{"name"}, {"free_bytes", Column::Show::kBytes}, {"count"}, {"on"}};
  const boost::json::array rows{
      {{"name", "größe"}, {"free_bytes", 3ULL << 30}, {"count", 5}, {"on", {"a", "b"}}},
      {{"name", ""}, {"free_bytes", 1 << 20}, {"count", 1234}, {"on", true}},
      {{"name", "x"}, {"free_bytes", nullptr}, {"count", 7}}};
  EXPECT_EQ(table_text(rows, columns),
            "name   free bytes  count  on\n"
            "größe      3.0GiB      5  a,b\n"
            "-          1.0MiB   1234  yes\n"
            "x               -      7  -\n");
  EXPECT_EQ(table_text({}, columns), "(none)\n");
}

const ShellNames kNames{.nodes = {"b-node", "a-node"},
                        .volumes = {"1", "12", "2"},
                        .collections = {"", "logs", "logs"},
                        .masters = {"1"},
                        .buckets = {"photos"}};

std::vector<std::string> offered(std::string_view line) {
  return complete_line(line, kNames).words;
}

TEST(ShellCompletion, OffersCommandsThenWhatTheyTake) {
  EXPECT_THAT(offered("cluster.raft."),
              ElementsAre("cluster.raft.add", "cluster.raft.ps", "cluster.raft.remove",
                          "cluster.raft.transfer"));
  EXPECT_EQ(offered("").size(), shell_commands().size());
  EXPECT_THAT(offered("volume.move "), ElementsAre("1", "12", "2"));
  EXPECT_THAT(offered("volume.move 1"), ElementsAre("1", "12"));
  EXPECT_THAT(offered("volume.move --apply 12 "), ElementsAre("a-node", "b-node"));
  EXPECT_THAT(offered("volume.move 12 a-node b"), ElementsAre("b-node"));
  EXPECT_THAT(offered("volume.move 12 a b "), ElementsAre("--apply", "--json"));
  EXPECT_THAT(offered("lock; volumeServer.evacuate a"), ElementsAre("a-node"));
  EXPECT_THAT(offered("volume.list --"), ElementsAre("--collection", "--json", "--node"));
  EXPECT_THAT(offered("volume.list --node "), ElementsAre("a-node", "b-node"));
  EXPECT_THAT(offered("volume.list --collection l"), ElementsAre("logs"));
  EXPECT_THAT(offered("fs.ls "), ElementsAre("/photos/"));
  EXPECT_THAT(offered("help vol"), testing::Contains("volume.move"));
  EXPECT_THAT(offered("nothing "), IsEmpty());
  EXPECT_EQ(complete_line("lock; volume.move 1", kNames).begin, 18U);
}

}  // namespace
}  // namespace kelp::server
