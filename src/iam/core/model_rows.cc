#include <algorithm>

#include "iam/core/rows.h"
#include "policy/context.h"

// From rows to the model of all accounts.

namespace kelp::iam {
namespace {

/// "ACCOUNT/k/NAME".
struct RowPlace {
  std::string account;
  char letter = 0;
  std::string name;
};

bool parse_place(std::string_view key, RowPlace& place) {
  const std::size_t at = key.find('/');
  if (at == std::string_view::npos || key.size() < at + 3 || key[at + 2] != '/') return false;
  place = {std::string(key.substr(0, at)), key[at + 1], std::string(key.substr(at + 3))};
  return true;
}

/// Puts what `row` says under `name`: the same as `before` has, when the row is the same.
template <typename T, typename Decode>
void take(const Named<T>& before, Named<T>& all, const std::string& name, const std::string& row,
          Decode decode, bool& unreadable) {
  const auto old = before.find(name);
  if (old != before.end() && old->second->row == row) {
    all[name] = old->second;
    return;
  }
  auto read = decode(row);
  if (read) {
    all[name] = std::make_shared<const T>(*std::move(read));
  } else {
    unreadable = true;
    all.erase(name);
  }
}

std::size_t kind_of(char letter) {
  return letter == 'u' ? 0 : letter == 'g' ? 1 : 2;
}

/// Takes one row into `account`.
void take_row(const Account& before, const RowPlace& place, const std::string& row,
              Account& account) {
  switch (place.letter) {
    case 'u':
    case 'g':
    case 'r': {
      const std::size_t kind = kind_of(place.letter);
      return take(before.entities[kind], account.entities[kind], place.name, row, decode_entity,
                  account.unreadable);
    }
    case 'p':
      return take(before.policies, account.policies, place.name, row, decode_policy,
                  account.unreadable);
    case 'o':
      return take(before.providers, account.providers, place.name, row, decode_provider,
                  account.unreadable);
    case 'k':
      return take(before.service_accounts, account.service_accounts, place.name, row,
                  decode_service_account, account.unreadable);
    case 's': {
      auto alias = decode_settings(row);
      if (alias) {
        account.alias = *std::move(alias);
      } else {
        account.unreadable = true;
      }
      return;
    }
    default:
      account.unreadable = true;
  }
}

void drop_row(const RowPlace& place, Account& account) {
  switch (place.letter) {
    case 'u':
    case 'g':
    case 'r':
      account.entities[kind_of(place.letter)].erase(place.name);
      return;
    case 'p':
      account.policies.erase(place.name);
      return;
    case 'o':
      account.providers.erase(place.name);
      return;
    case 'k':
      account.service_accounts.erase(place.name);
      return;
    case 's':
      account.alias.clear();
      return;
    default:
      return;
  }
}

bool same(const Account& a, const Account& b) {
  return a.entities == b.entities && a.policies == b.policies && a.providers == b.providers &&
         a.service_accounts == b.service_accounts && a.alias == b.alias &&
         a.unreadable == b.unreadable;
}

const Account& account_before(const Model& before, const std::string& number) {
  static const Account kNone;
  const Account* found = before.find(number);
  return found == nullptr ? kNone : *found;
}

}  // namespace

const Account* Model::find(std::string_view number) const {
  const auto at = accounts.find(number);
  return at == accounts.end() ? nullptr : at->second.get();
}

std::shared_ptr<const Model> load_model(std::uint64_t revision,
                                        const std::vector<IdentityRow>& rows, const Model& before) {
  std::map<std::string, Account> accounts;
  for (const IdentityRow& row : rows) {
    RowPlace place;
    if (!parse_place(row.key, place)) continue;
    Account& account = accounts[place.account];
    account.number = place.account;
    take_row(account_before(before, place.account), place, row.value, account);
  }
  auto model = std::make_shared<Model>();
  model->revision = revision;
  for (auto& [number, account] : accounts) {
    const auto old = before.accounts.find(number);
    const bool kept = old != before.accounts.end() && same(*old->second, account);
    model->accounts[number] =
        kept ? old->second : std::make_shared<const Account>(std::move(account));
  }
  return model;
}

std::shared_ptr<const Model> change_model(std::uint64_t revision, const Changes& changes,
                                          const Model& before) {
  std::map<std::string, Account> changed;
  const auto account_at = [&](const RowPlace& place) -> Account& {
    const auto at = changed.find(place.account);
    if (at != changed.end()) return at->second;
    Account& account = changed[place.account];
    account = account_before(before, place.account);
    account.number = place.account;
    return account;
  };
  RowPlace place;
  for (const std::string& key : changes.removes) {
    if (parse_place(key, place)) drop_row(place, account_at(place));
  }
  for (const IdentityRow& row : changes.puts) {
    if (!parse_place(row.key, place)) continue;
    take_row(account_before(before, place.account), place, row.value, account_at(place));
  }
  auto model = std::make_shared<Model>(before);
  model->revision = revision;
  for (auto& [number, account] : changed) {
    model->accounts[number] = std::make_shared<const Account>(std::move(account));
  }
  return model;
}

}  // namespace kelp::iam
