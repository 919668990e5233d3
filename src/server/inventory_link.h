#pragma once

#include <string>

#include "filer/inventory_runner.h"
#include "s3gw/gateway.h"

namespace kelp::server {

/// Puts inventories by the gateway's way with bodies.
class InventoryLink final : public InventoryWriter {
 public:
  /// `gateway` must outlive it.
  explicit InventoryLink(s3::Gateway& gateway) : gateway_(gateway) {}

  Task<Result<void>> put(InventoryObject object, std::string body) override;
  Task<Result<void>> remove(InventoryObject object) override;

 private:
  s3::Gateway& gateway_;
};

}  // namespace kelp::server
