-- The steps of the shared call limiter, each atomic. The rules are those of sliding_window.py, revalidation_share.py and circuit_state.py; the same tests run over both.
-- Keys: the calls, upstream's remaining count and the revalidations of an account and route; then the block and probes of all accounts, and those of the account.
local calls, remaining, revalidations = KEYS[1], KEYS[2], KEYS[3]
local blocks = {{state = KEYS[4], probes = KEYS[5]}, {state = KEYS[6], probes = KEYS[7]}}
local step, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local MAX_BLOCK = 120  -- seconds
local MEMORY_OF_A_BLOCK = 600  -- seconds after its end
local INTERACTIVE, REVALIDATION, ONE_IN = 0, 1, 10

local function text(number)
  return string.format('%.6f', number)
end

local function expire(key, seconds)
  redis.call('PEXPIRE', key, math.ceil(seconds * 1000))
end

local function add(key, token, seconds)
  redis.call('ZADD', key, text(now), token)
  expire(key, seconds)
end

local function drop_expired(key, seconds)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - seconds))
end

local function score(key, index)
  return tonumber(redis.call('ZRANGE', key, index, index, 'WITHSCORES')[2])
end

-- Others can write to the same server, and its clock can be set back: values that this script cannot have written by now are deleted.
-- (A value of another type raises an error, and the caller then deletes all of these keys.)
local function is_at_most(value, last)
  local number = tonumber(value)
  return number ~= nil and number <= last  -- false if it is not a number
end

local function drop_later(key, last)
  redis.call('ZREMRANGEBYSCORE', key, '(' .. text(last), '+inf')
end

local function drop_impossible(period, probe_span)
  for _, block in ipairs(blocks) do
    local values = redis.call('HMGET', block.state, 'until', 'reason', 'at')
    local exists = values[1] or values[2] or values[3]
    if exists and not (values[2] and is_at_most(values[1], now + MAX_BLOCK)) then
      redis.call('DEL', block.state, block.probes)
    end
    drop_later(block.probes, now + probe_span)
  end
  drop_later(calls, now + period)
  drop_later(revalidations, now + period)
  for _, field in ipairs({'as_of', 'synced_at', 'rejected_at'}) do
    local value = redis.call('HGET', remaining, field)
    if value and not is_at_most(value, now + period) then
      redis.call('DEL', remaining)
    end
  end
end

-- Returns the seconds until a half-open block lets another probe through.
local function wait_for_probe(block, reason, limit)
  drop_expired(block.probes, limit.probe_span)
  local next_probe = now
  if redis.call('ZCARD', block.probes) >= limit.probes then
    next_probe = score(block.probes, 0) + limit.probe_span
  end
  local last = score(block.probes, -1)
  if last and reason == 'failing' then
    next_probe = math.max(next_probe, last + limit.probe_span / limit.probes)
  end
  return next_probe - now
end

-- Returns the rejection by the block with the longest wait, or nil, and which blocks exist.
local function rejection_by_block(limit)
  local rejection, exists, longest = nil, {}, 0
  for index, block in ipairs(blocks) do
    local values = redis.call('HMGET', block.state, 'until', 'reason')
    local till, reason = tonumber(values[1]), values[2]
    exists[index] = till ~= nil
    if till then
      local is_open = till > now
      local wait = is_open and till - now or wait_for_probe(block, reason, limit)
      if wait > longest then
        longest, rejection = wait, {'refused', reason, text(wait), is_open and '0' or '1'}
      end
    end
  end
  return rejection, exists
end

-- Returns the number of calls to leave to others: 0 for a revalidation that is due, one more for an interactive call then.
local function reserved_calls(limit, urgency, count)
  drop_expired(revalidations, limit.period)
  if ONE_IN * redis.call('ZCARD', revalidations) > count then
    return limit.reserved
  elseif urgency == REVALIDATION then
    return 0
  end
  local rejected_at = tonumber(redis.call('HGET', remaining, 'rejected_at'))
  local is_wanted = rejected_at and now - rejected_at <= limit.server_hint_ttl
  return limit.reserved + ((urgency == INTERACTIVE and is_wanted) and 1 or 0)
end

local function wait_for_limit(limit, reserved, count)
  local over = count + reserved - limit.max_calls
  if over < 0 then
    return 0
  end
  local leaving = over < count and score(calls, over) or now
  return math.max(leaving + limit.period - now, 0.001)
end

-- Returns the calls that upstream has left by its own count, or nil, and the seconds until one of them is free.
local function reported_calls(limit, reserved, urgency)
  local values = redis.call('HMGET', remaining, 'count', 'as_of', 'synced_at')
  local count = tonumber(values[1])
  if not count then
    return nil, 0
  end
  if urgency == REVALIDATION then
    reserved = math.min(reserved, math.floor(count / 2))
  end
  local reported = count - redis.call('ZCOUNT', calls, '(' .. values[2], '+inf')
  local wait = tonumber(values[3]) + limit.server_hint_ttl - now
  if reported > reserved then
    return reported, 0
  elseif wait <= 0 then
    redis.call('HSET', remaining, 'synced_at', text(now))  -- this call gets a new count; the others wait for it
  end
  return reported, math.max(wait, 0)
end

-- Takes a call and returns how many remain; or returns nil and the seconds until one is free.
local function take(limit, urgency, token)
  drop_expired(calls, limit.period)
  local count = redis.call('ZCARD', calls)
  local reserved = reserved_calls(limit, urgency, count)
  local reported, wait = reported_calls(limit, reserved, urgency)
  wait = math.max(wait, wait_for_limit(limit, reserved, count))
  if wait > 0 then
    if urgency == REVALIDATION then
      redis.call('HSET', remaining, 'rejected_at', text(now))
      expire(remaining, 2 * limit.period)
    end
    return nil, wait
  end
  add(calls, token, limit.period)
  if urgency == REVALIDATION then
    redis.call('HDEL', remaining, 'rejected_at')
    add(revalidations, token, limit.period)
  end
  local counted = limit.max_calls - count - 1
  return math.max(math.min(counted, reported and reported - 1 or counted), 0)
end

local function acquire(limit, urgency, token)
  drop_impossible(limit.period, limit.probe_span)
  local rejection, exists = rejection_by_block(limit)
  if rejection then
    return rejection
  end
  local left, wait = 0, nil
  if limit.max_calls > 0 then
    left, wait = take(limit, urgency, token)
    if not left then
      return {'refused', 'plan', text(wait), '0'}
    end
  end
  for index, block in ipairs(blocks) do
    if exists[index] then
      add(block.probes, token, limit.probe_span)
    end
  end
  return {'granted', text(now), exists[1] and '1' or '0', exists[2] and '1' or '0', tostring(left)}
end

local function sync_remaining(count, as_of, period)
  local synced = tonumber(redis.call('HGET', remaining, 'as_of'))
  if not synced or as_of >= synced then
    redis.call('HSET', remaining, 'count', count, 'as_of', text(as_of), 'synced_at', text(now))
    expire(remaining, 2 * period)
  end
end

local function extend_block(seconds, reason)
  local state = blocks[2].state
  local till = tonumber(redis.call('HGET', state, 'until'))
  redis.call('HSET', state, 'at', text(now))
  if not till or now + seconds >= till then
    till = now + seconds
    redis.call('HSET', state, 'until', text(till), 'reason', reason)
  end
  expire(state, till - now + MEMORY_OF_A_BLOCK)
end

local function close_circuit(as_of)
  local at = tonumber(redis.call('HGET', blocks[2].state, 'at'))
  if at and at <= as_of then
    redis.call('DEL', blocks[2].state, blocks[2].probes)
  end
end

local function number(index)
  return tonumber(ARGV[index])
end

if step == 'acquire' then
  local limit = {
    max_calls = number(3), period = number(4), reserved = number(5), probes = number(6), probe_span = number(7),
    server_hint_ttl = number(8),
  }
  return acquire(limit, number(9), ARGV[10])
elseif step == 'sync_remaining' then
  sync_remaining(number(3), number(4), number(5))
elseif step == 'block' then
  extend_block(number(3), ARGV[4])
elseif step == 'close_circuit' then
  close_circuit(number(3))
end
return {}
