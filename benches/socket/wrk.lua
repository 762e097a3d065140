-- What wrk sends: `wrk … -s wrk.lua URL -- TOKENS COUNT`, the first COUNT lines of the file TOKENS in turn.
-- Each request is a string that was made before the clock began; a turn picks one.

local requests, next_one = {}, 0

function init(arguments)
  local count = tonumber(arguments[2])
  for token in io.lines(arguments[1]) do
    if #requests < count then
      requests[#requests + 1] = wrk.format("GET", "/orders", { ["Authorization"] = "Bearer " .. token })
    end
  end
  if #requests < count then error("too few tokens") end
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end

-- The last line: requests answered, microseconds, and how many went wrong in any way.
function done(summary)
  local errors = summary.errors
  local wrong = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("%d %d %d\n", summary.requests, summary.duration, wrong))
end
