#pragma once

namespace kelp {

// What Redis runs for us; each is atomic there. Keys: `{kelp}:keys` is a sorted set whose scores
// are all 0, so in order of bytes; `{kelp}:values` a hash; `{kelp}:writers` a hash of
// "epoch.number.outcomes", each writer's mark; `{kelp}:stamps` the last stamp given. A snapshot has
// an id in `{kelp}:snaps`, by when it expires, and what rows were before they first changed:
// `{kelp}:snap:ID` ("+value", or "-" for none) and, in order, `{kelp}:snap:ID:k`.

/// ARGV: writer, the mark before without outcomes, the mark after, count of batches; then of each
/// condition and write its batch from 1, kind, key and value.
inline constexpr const char* kRedisCommit = R"lua(
local keys, values = '{kelp}:keys', '{kelp}:values'
local writers, snaps = '{kelp}:writers', '{kelp}:snaps'
local mark = redis.call('HGET', writers, ARGV[1])
if not mark or string.sub(mark, 1, #ARGV[2]) ~= ARGV[2] then
  return redis.error_reply('KELPOUT a later connection took over')
end
local open = {}
if redis.call('ZCARD', snaps) > 0 then
  local time = redis.call('TIME')
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', snaps, '-inf', time[1])) do
    redis.call('ZREM', snaps, id)
    redis.call('UNLINK', '{kelp}:snap:' .. id, '{kelp}:snap:' .. id .. ':k')
  end
  open = redis.call('ZRANGE', snaps, 0, -1)
end
local function keep(key)
  if #open == 0 then return end
  local old = redis.call('HGET', values, key)
  for _, id in ipairs(open) do
    if redis.call('HSETNX', '{kelp}:snap:' .. id, key, old and '+' .. old or '-') == 1 then
      redis.call('ZADD', '{kelp}:snap:' .. id .. ':k', 0, key)
    end
  end
end
local function set(key, value)
  keep(key)
  if redis.call('HSET', values, key, value) == 1 then redis.call('ZADD', keys, 0, key) end
end
local function remove(key)
  keep(key)
  if redis.call('HDEL', values, key) == 1 then redis.call('ZREM', keys, key) end
end
local function sum(counter, delta)
  local total, bytes = 0, {}
  for i = 1, 8 do
    total = math.floor(total / 256) + string.byte(counter, i) + string.byte(delta, i)
    bytes[i] = string.char(total % 256)
  end
  return table.concat(bytes)
end
local function at_most(counter, limit)
  if #counter ~= 8 then return false end
  for i = 8, 1, -1 do
    local a, b = string.byte(counter, i), string.byte(limit, i)
    if i == 8 then a, b = (a + 128) % 256, (b + 128) % 256 end
    if a ~= b then return a < b end
  end
  return true
end
local function holds(kind, key, value)
  if kind == '0' then return redis.call('HEXISTS', values, key) == 0 end
  if kind == '1' then return redis.call('HEXISTS', values, key) == 1 end
  if kind == '2' then return redis.call('HGET', values, key) == value end
  if kind == '4' then
    return at_most(redis.call('HGET', values, key) or string.rep('\0', 8), value)
  end
  return #redis.call('ZRANGEBYLEX', keys, '[' .. key, '(' .. value, 'LIMIT', 0, 1) == 0
end
local function stamp()
  local left, bytes = redis.call('INCR', '{kelp}:stamps'), {}
  for i = 8, 1, -1 do
    bytes[i] = string.char(left % 256)
    left = math.floor(left / 256)
  end
  return table.concat(bytes)
end
local function write(kind, key, value)
  if kind == '10' then
    set(key, value)
  elseif kind == '14' then
    set(key, value .. stamp())
  elseif kind == '11' then
    remove(key)
  elseif kind == '12' then
    repeat
      local some = redis.call('ZRANGEBYLEX', keys, '[' .. key, '(' .. value, 'LIMIT', 0, 1000)
      for _, each in ipairs(some) do remove(each) end
    until #some == 0
  else
    local old = redis.call('HGET', values, key)
    if not old then
      set(key, value)
    elseif #old == 8 then
      set(key, sum(old, value))
    end
  end
end
local outcomes = {}
for i = 1, tonumber(ARGV[4]) do outcomes[i] = -1 end
local batch, nth = '', 0
for i = 5, #ARGV, 4 do
  if ARGV[i] ~= batch then
    batch, nth = ARGV[i], 0
  end
  local at = tonumber(batch)
  if outcomes[at] == -1 then
    if #ARGV[i + 1] == 2 then
      write(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    else
      if not holds(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) then outcomes[at] = nth end
      nth = nth + 1
    end
  end
end
local told = table.concat(outcomes, ',')
redis.call('HSET', writers, ARGV[1], ARGV[3] .. told)
return told
)lua";

/// ARGV: writer. Answers its mark, of a new epoch: whatever was sent under an older one fails.
inline constexpr const char* kRedisOpen = R"lua(
if redis.call('SETNX', '{kelp}:format', '1') == 0 and redis.call('GET', '{kelp}:format') ~= '1' then
  return redis.error_reply('KELPFORMAT ' .. redis.call('GET', '{kelp}:format'))
end
local mark = redis.call('HGET', '{kelp}:writers', ARGV[1]) or '0.0.'
local dot = string.find(mark, '.', 1, true)
mark = string.format('%d', tonumber(string.sub(mark, 1, dot - 1)) + 1) .. string.sub(mark, dot)
redis.call('HSET', '{kelp}:writers', ARGV[1], mark)
return mark
)lua";

/// ARGV: begin, end (both as ZRANGEBYLEX has them), limit, "1" for descending. Answers keys and
/// values in turn.
inline constexpr const char* kRedisScan = R"lua(
local found
if ARGV[4] == '1' then
  found = redis.call('ZREVRANGEBYLEX', '{kelp}:keys', ARGV[2], ARGV[1], 'LIMIT', 0, ARGV[3])
else
  found = redis.call('ZRANGEBYLEX', '{kelp}:keys', ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
end
local rows = {}
for i, key in ipairs(found) do
  rows[2 * i - 1] = key
  rows[2 * i] = redis.call('HGET', '{kelp}:values', key)
end
return rows
)lua";

/// ARGV: id, seconds from now when it expires.
inline constexpr const char* kRedisSnapshot = R"lua(
local time = redis.call('TIME')
return redis.call('ZADD', '{kelp}:snaps', tonumber(time[1]) + tonumber(ARGV[2]), ARGV[1])
)lua";

/// ARGV: id, seconds, begin, end, limit. Answers the rows as they are, keys and values in turn, and
/// likewise those that changed since the snapshot, as they were; or an error when it expired.
inline constexpr const char* kRedisSnapshotScan = R"lua(
local id = ARGV[1]
local time = redis.call('TIME')
local expires = redis.call('ZSCORE', '{kelp}:snaps', id)
if not expires or tonumber(expires) <= tonumber(time[1]) then
  return redis.error_reply('KELPGONE the snapshot expired')
end
redis.call('ZADD', '{kelp}:snaps', 'XX', tonumber(time[1]) + tonumber(ARGV[2]), id)
local function page(keys, values)
  local rows = {}
  for i, key in ipairs(redis.call('ZRANGEBYLEX', keys, ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5])) do
    rows[2 * i - 1] = key
    rows[2 * i] = redis.call('HGET', values, key)
  end
  return rows
end
return {page('{kelp}:keys', '{kelp}:values'),
        page('{kelp}:snap:' .. id .. ':k', '{kelp}:snap:' .. id)}
)lua";

/// ARGV: id.
inline constexpr const char* kRedisSnapshotEnd = R"lua(
redis.call('ZREM', '{kelp}:snaps', ARGV[1])
return redis.call('UNLINK', '{kelp}:snap:' .. ARGV[1], '{kelp}:snap:' .. ARGV[1] .. ':k')
)lua";

}  // namespace kelp
