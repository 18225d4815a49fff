-- Deposits for `wrk`: each into the next account. Requests are made in advance as far as they are the same.

local accounts = tonumber(os.getenv("ACCOUNTS") or "1000")
local with_keys = os.getenv("KEYS") == "yes"
local prepared = {}
local place = 0
local sent = 0
local run = os.time()

local function headers(key)
  -- admin, with the password of the first start
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Basic YWRtaW46Y2hhbmdlaXQ=" }
  if key then headers["Idempotency-Key"] = key end
  return headers
end

function init()
  for account = 1, accounts do
    local body = string.format('{"id":"a%d","amount":1}', account)
    local key = with_keys and "KEY" or nil
    local request = wrk.format("POST", "/api/commands/DepositMoney", headers(key), body)
    if with_keys then
      local from, to = string.find(request, "KEY", 1, true)
      prepared[account] = { string.sub(request, 1, from - 1), string.sub(request, to + 1) }
    else
      prepared[account] = request
    end
  end
end

function request()
  place = place % accounts + 1
  if not with_keys then return prepared[place] end
  sent = sent + 1
  local key = string.format("%08x-0000-4000-8000-%012x", run, sent)
  return prepared[place][1] .. key .. prepared[place][2]
end

function done(summary, latency)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  print(string.format("%.0f commands/s, p50 %.1f ms, p99 %.1f ms, longest %.1f ms, %d failed",
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3, failed))
end
