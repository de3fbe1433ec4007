-- The steps of the shared call limiter, each atomic. The rules are those of sliding_window.py, revalidation_share.py and circuit_state.py; the same tests run over both.
-- Keys: the window, upstream's remaining count and the revalidations of an account and route; then the block and probes of all accounts, and those of the account.
local window, word, revalidations = KEYS[1], KEYS[2], KEYS[3]
local blocks = {{KEYS[4], KEYS[5]}, {KEYS[6], KEYS[7]}}
local step, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local forgotten = 600

local function text(number)
  return string.format('%.6f', number)
end

local function keep(key, seconds)
  redis.call('PEXPIRE', key, math.ceil(seconds * 1000))
end

-- Others can write to the same server, and its clock can be set back: values that this script cannot have written by now are deleted.
-- (A value of another type raises an error, and the caller then deletes all of these keys.) No block is longer than `longest` seconds.
local longest = 120

local function within(number, last)
  return number ~= nil and number <= last  -- false if it is not a number
end

local function forget_what_cannot_be(period, span)
  for _, block in ipairs(blocks) do
    local found = redis.call('HMGET', block[1], 'until', 'reason', 'at')
    if (found[1] or found[2] or found[3]) and not (found[2] and within(tonumber(found[1]), now + longest)) then
      redis.call('DEL', block[1], block[2])
    end
    redis.call('ZREMRANGEBYSCORE', block[2], '(' .. text(now + span), '+inf')
  end
  redis.call('ZREMRANGEBYSCORE', window, '(' .. text(now + period), '+inf')
  redis.call('ZREMRANGEBYSCORE', revalidations, '(' .. text(now + period), '+inf')
  for _, field in ipairs({'as_of', 'heard', 'wanted'}) do
    local found = redis.call('HGET', word, field)
    if found and not within(tonumber(found), now + period) then
      redis.call('DEL', word)
    end
  end
end

local question, revalidation, one_in = 0, 1, 10

-- Returns the number of calls to leave to others: 0 for a revalidation that is due, one more for an interactive call then (revalidation_share.py).
local function to_keep(kept, count, period, heard, urgency)
  redis.call('ZREMRANGEBYSCORE', revalidations, '-inf', text(now - period))
  if one_in * redis.call('ZCARD', revalidations) > count then
    return kept
  end
  if urgency == revalidation then
    return 0
  end
  local wanted = tonumber(redis.call('HGET', word, 'wanted'))
  if urgency == question and wanted and now - wanted <= heard then
    return kept + 1
  end
  return kept
end

local function acquire(most, period, kept, probes, span, heard, urgency, token)
  forget_what_cannot_be(period, span)
  local refused, probing = nil, {}
  for place, block in ipairs(blocks) do
    local found = redis.call('HMGET', block[1], 'until', 'reason')
    local till = tonumber(found[1])
    probing[place] = till ~= nil
    if till then
      local wait, out = till - now, '0'
      if wait <= 0 then
        redis.call('ZREMRANGEBYSCORE', block[2], '-inf', text(now - span))
        if redis.call('ZCARD', block[2]) >= probes then
          wait, out = tonumber(redis.call('ZRANGE', block[2], 0, 0, 'WITHSCORES')[2]) + span - now, '1'
        end
        local last = redis.call('ZRANGE', block[2], -1, -1, 'WITHSCORES')[2]
        if last and found[2] == 'failing' then
          wait, out = math.max(wait, tonumber(last) + span / probes - now), '1'
        end
      end
      if wait > 0 and (not refused or wait > tonumber(refused[3])) then
        refused = {'refused', found[2], text(wait), out}
      end
    end
  end
  if refused then
    return refused
  end
  local left = 0
  if most > 0 then
    redis.call('ZREMRANGEBYSCORE', window, '-inf', text(now - period))
    local count = redis.call('ZCARD', window)
    kept = to_keep(kept, count, period, heard, urgency)
    local wait, over = 0, count + kept - most
    if over >= 0 then
      local leaving = now
      if over < count then
        leaving = tonumber(redis.call('ZRANGE', window, over, over, 'WITHSCORES')[2])
      end
      wait = math.max(leaving + period - now, 0.001)
    end
    local told = redis.call('HMGET', word, 'left', 'as_of', 'heard')
    local said = tonumber(told[1])
    if said then
      local of_left = kept
      if urgency == revalidation then
        of_left = math.min(kept, math.floor(said / 2))
      end
      said = said - redis.call('ZCOUNT', window, '(' .. told[2], '+inf')
      if said <= of_left then
        local patience = tonumber(told[3]) + heard - now
        if patience <= 0 then
          redis.call('HSET', word, 'heard', text(now))
        else
          wait = math.max(wait, patience)
        end
      end
    end
    if wait > 0 then
      if urgency == revalidation then
        redis.call('HSET', word, 'wanted', text(now))
        keep(word, 2 * period)
      end
      return {'refused', 'plan', text(wait), '0'}
    end
    redis.call('ZADD', window, text(now), token)
    keep(window, period)
    if urgency == revalidation then
      redis.call('HDEL', word, 'wanted')
      redis.call('ZADD', revalidations, text(now), token)
      keep(revalidations, period)
    end
    left = most - count - 1
    if said then
      left = math.min(left, said - 1)
    end
    left = math.max(left, 0)
  end
  for place, block in ipairs(blocks) do
    if probing[place] then
      redis.call('ZADD', block[2], text(now), token)
      keep(block[2], span)
    end
  end
  return {'granted', text(now), probing[1] and '1' or '0', probing[2] and '1' or '0', tostring(left)}
end

local function sync_remaining(left, as_of, period)
  local known = tonumber(redis.call('HGET', word, 'as_of'))
  if not known or as_of >= known then
    redis.call('HSET', word, 'left', left, 'as_of', text(as_of), 'heard', text(now))
    keep(word, 2 * period)
  end
end

local function block(seconds, reason)
  local key = blocks[2][1]
  local till = tonumber(redis.call('HGET', key, 'until'))
  redis.call('HSET', key, 'at', text(now))
  if not till or now + seconds >= till then
    redis.call('HSET', key, 'until', text(now + seconds), 'reason', reason)
    till = now + seconds
  end
  keep(key, till - now + forgotten)
end

local function close_circuit(as_of)
  local at = tonumber(redis.call('HGET', blocks[2][1], 'at'))
  if at and at <= as_of then
    redis.call('DEL', blocks[2][1], blocks[2][2])
  end
end

if step == 'acquire' then
  return acquire(tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10])
elseif step == 'sync_remaining' then
  sync_remaining(tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]))
elseif step == 'block' then
  block(tonumber(ARGV[3]), ARGV[4])
elseif step == 'close_circuit' then
  close_circuit(tonumber(ARGV[3]))
end
return {}
