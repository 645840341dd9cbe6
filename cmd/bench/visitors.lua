-- One page view a request: the visitors of the file in turn, five views a session,
-- two hundred pages. Session ids are random, so that no request repeats another.
local visitors, threads = {}, 0
for line in io.lines(os.getenv("VISITORS")) do
  local token, address, agent = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
  local head = "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: " .. agent ..
    "\r\nOrigin: http://localhost:8088\r\nContent-Type: text/plain\r\nX-Forwarded-For: " .. address
  if os.getenv("CONSENT") == "true" then
    head = head .. "\r\nCookie: kelisim=" .. token .. "; kelisim-state=1"
  end
  visitors[#visitors + 1] = { head = head .. "\r\nContent-Length: ", views = 5 }
end

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local turn, page = 0, 0
function init()
  math.randomseed(os.time() * 16 + number)
  turn = math.random(#visitors)
end

local function id()
  return string.format("%08x%08x%08x%08x", math.random(0, 2147483647), math.random(0, 2147483647),
    math.random(0, 2147483647), math.random(0, 2147483647))
end

function request()
  turn, page = turn % #visitors + 1, page + 1
  local v = visitors[turn]
  if v.views == 5 then
    v.views, v.session = 0, id()
  end
  v.views = v.views + 1
  local now = os.time() * 1000
  local body = '{"v":1,"site":"demo","now":' .. now .. ',"session":{"id":"' .. v.session .. '","start":' .. now - 60000 ..
    '},"events":[{"seq":' .. v.views .. ',"name":"pageview","url":"http://localhost:8088/catalogue/' .. page % 200 ..
    '?utm_source=news&utm_medium=email","referrer":"https://www.google.com/"}]}'
  return v.head .. #body .. "\r\n\r\n" .. body
end
