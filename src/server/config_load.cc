#include "server/config_load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "server/notify_targets.h"
#include "server/toml_text.h"

namespace kelp::server {
namespace {

constexpr std::string_view kIdentity = "s3.identity";
constexpr std::string_view kClass = "master.class";
constexpr std::string_view kDisk = "volume.disk";
constexpr std::string_view kNotify = "s3.notify";
constexpr std::string_view kRemote = "remote";
/// Variables that others of us read.
constexpr std::string_view kOtherVariables[] = {"KELP_ACCESS_KEY", "KELP_SECRET_KEY", "KELP_CONFIG",
                                                "KELP_ENGINE_PASSWORD", kRemoteSecretVariable};

/// Levenshtein.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

/// As set_class_value, for an identity.
Result<bool> set_identity_value(IdentityConfig& to, std::string_view name,
                                const std::string& text) {
  std::string* const target = name == "name"         ? &to.name
                              : name == "access_key" ? &to.access_key
                              : name == "secret_key" ? &to.secret_key
                                                     : nullptr;
  if (target != nullptr) *target = text;
  return target != nullptr;
}

/// Reads a TOML document into a LoadedConfig.
class TomlReader {
 public:
  TomlReader(std::string_view file_name, LoadedConfig& loaded)
      : file_name_(file_name), loaded_(loaded) {}

  Result<void> table(const toml::table& table, const std::string& prefix) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      if (key == kIdentity) {
        KELP_CHECK(tables(node, key, "name, access_key and secret_key", set_identity_value,
                          loaded_.config.s3.identities));
      } else if (key == kClass) {
        KELP_CHECK(tables(node, key, "name, spread, large, large_from, seal and tag",
                          set_class_value, loaded_.config.master.classes));
      } else if (key == kDisk) {
        KELP_CHECK(tables(node, key, "path, tags, reserve and port", set_disk_value,
                          loaded_.config.volume.disks));
      } else if (key == kNotify) {
        KELP_CHECK(
            named_tables(node, key, kNotifyFields, set_notify_value, loaded_.config.s3.notify));
      } else if (key == kRemote) {
        KELP_CHECK(
            named_tables(node, key, kRemoteFields, set_remote_value, loaded_.config.remotes));
      } else if (const toml::table* inner = node.as_table(); inner && !find_setting(key)) {
        KELP_CHECK(known_prefix(key, node));
        KELP_CHECK(this->table(*inner, key + "."));
      } else {
        KELP_CHECK(value(key, node));
      }
    }
    return {};
  }

 private:
  [[nodiscard]] std::string place(const toml::node& node) const {
    return fmt::format("{}:{}", file_name_, node.source().begin.line);
  }
  [[nodiscard]] Error refuse(const toml::node& node, std::string_view why) const {
    return {Errc::kInvalidArgument, fmt::format("{}: {}", place(node), why)};
  }
  [[nodiscard]] Error unknown(std::string_view key, const toml::node& node) const {
    return refuse(node, fmt::format("unknown key '{}'; did you mean '{}'?", key, nearest_key(key)));
  }

  [[nodiscard]] Result<void> known_prefix(const std::string& key, const toml::node& node) const {
    const std::string prefix = key + ".";
    const bool known = std::ranges::any_of(
        settings(), [&prefix](const Setting& s) { return s.key.starts_with(prefix); });
    if (known) return {};
    return unknown(key, node);
  }

  [[nodiscard]] static std::optional<std::string> text_of(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
    if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
    if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
    const auto* list = node.as_array();
    if (list == nullptr) return std::nullopt;
    std::string joined;
    for (const auto& item : *list) {
      if (!item.is_string()) return std::nullopt;
      joined += (joined.empty() ? "" : ",") + item.as_string()->get();
    }
    return joined;
  }

  Result<void> value(const std::string& key, const toml::node& node) {
    const Setting* setting = find_setting(key);
    if (setting == nullptr) return unknown(key, node);
    const auto text = text_of(node);
    if (!text) return refuse(node, fmt::format("{}: {}", key, setting->help));
    if (const auto set = setting->set(loaded_.config, *text); !set.has_value()) {
      return refuse(node, fmt::format("{}: {} ({})", key, set.error().detail(), setting->help));
    }
    loaded_.origins[key] = place(node);
    return {};
  }

  /// Each [[key]] table becomes an item of `out`; `set` takes a field of one.
  template <typename Item>
  Result<void> tables(const toml::node& node, std::string_view key, std::string_view fields,
                      Result<bool> (*set)(Item&, std::string_view, const std::string&),
                      std::vector<Item>& out) {
    const toml::array* tables = node.as_array();
    if (tables == nullptr || !tables->is_homogeneous(toml::node_type::table)) {
      return refuse(node, fmt::format("{0} is written [[{0}]]", key));
    }
    for (const auto& table : *tables) {
      Item item;
      KELP_CHECK(fields_of(*table.as_table(), key, fields, set, item));
      out.push_back(std::move(item));
    }
    return {};
  }

  /// Each [key.NAME] table becomes an item of `out`.
  template <typename Item>
  Result<void> named_tables(const toml::node& node, std::string_view key, std::string_view fields,
                            Result<bool> (*set)(Item&, std::string_view, const std::string&),
                            std::vector<Item>& out) {
    const toml::table* tables = node.as_table();
    const auto is_table = [](const auto& each) { return each.second.is_table(); };
    if (tables == nullptr || !std::ranges::all_of(*tables, is_table)) {
      return refuse(node, fmt::format("{0} is written [{0}.NAME]", key));
    }
    for (const auto& [name, table] : *tables) {
      Item item;
      item.name = name.str();
      KELP_CHECK(fields_of(*table.as_table(), key, fields, set, item));
      out.push_back(std::move(item));
    }
    return {};
  }

  template <typename Item>
  Result<void> fields_of(const toml::table& table, std::string_view key, std::string_view fields,
                         Result<bool> (*set)(Item&, std::string_view, const std::string&),
                         Item& item) {
    for (const auto& [name, field] : table) {
      const bool list = field.is_array() && name.str() != "tags" && name.str() != "brokers" &&
                        name.str() != "classes";
      const auto text = list ? std::nullopt : text_of(field);
      if (!text) return refuse(field, fmt::format("{} is a text", name.str()));
      const auto known = set(item, name.str(), *text);
      if (!known.has_value()) return refuse(field, known.error().detail());
      if (!*known) {
        return refuse(
            field, fmt::format("unknown key '{}'; a table of {} has {}", name.str(), key, fields));
      }
    }
    return {};
  }

  const std::string_view file_name_;
  LoadedConfig& loaded_;
};

Result<void> read_file(const ConfigSources& sources, LoadedConfig& loaded) {
  KELP_TRY(const toml::table document, parse_toml(sources.file_text, sources.file_name));
  return TomlReader(sources.file_name, loaded).table(document, "");
}

Result<void> set_from(const Setting& setting, const std::string& value, const std::string& origin,
                      LoadedConfig& loaded) {
  if (const auto set = setting.set(loaded.config, value); !set.has_value()) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{}: {} ({})", origin, set.error().detail(), setting.help));
  }
  loaded.origins[std::string(setting.key)] = origin;
  return {};
}

Result<void> read_environment(const ConfigSources& sources, LoadedConfig& loaded) {
  for (const auto& [name, value] : sources.environment) {
    if (!name.starts_with("KELP_")) continue;
    if (std::ranges::find(kOtherVariables, name) != std::end(kOtherVariables)) continue;
    const Setting* exact = nullptr;
    const Setting* similar = nullptr;
    for (const Setting& setting : settings()) {
      const std::size_t distance = edit_distance(environment_name(setting.key), name);
      if (distance == 0) exact = &setting;
      if (distance <= 2) similar = &setting;
    }
    if (exact != nullptr) {
      KELP_CHECK(set_from(*exact, value, "environment " + name, loaded));
    } else if (similar != nullptr) {
      return Error(Errc::kInvalidArgument, fmt::format("environment {}: unknown; did you mean {}?",
                                                       name, environment_name(similar->key)));
    }
  }
  return {};
}

Result<void> read_flags(const ConfigSources& sources, LoadedConfig& loaded) {
  for (const auto& [key, value] : sources.flags) {
    const Setting* setting = find_setting(key);
    if (setting == nullptr) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("--set {}: unknown key; did you mean '{}'?", key, nearest_key(key)));
    }
    KELP_CHECK(set_from(*setting, value, "flag " + key, loaded));
  }
  return {};
}

}  // namespace

std::string nearest_key(std::string_view text) {
  std::string_view best = kIdentity;
  for (const Setting& setting : settings()) {
    if (edit_distance(setting.key, text) < edit_distance(best, text)) best = setting.key;
  }
  return std::string(best);
}

Result<LoadedConfig> load_config(const ConfigSources& sources) {
  LoadedConfig loaded;
  if (!sources.file_name.empty()) {
    KELP_CHECK(read_file(sources, loaded));
  }
  KELP_CHECK(read_environment(sources, loaded));
  KELP_CHECK(read_flags(sources, loaded));
  KELP_CHECK(check_config(loaded.config, loaded.origins));
  return loaded;
}

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace kelp::server
