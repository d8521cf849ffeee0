-- SPDX-License-Identifier: ISC
-- Each worker runs this by itself: what it keeps is its own.

route("GET", "/hello/{name}", function(request)
  return { hello = request:path("name"), from = _VERSION }
end)

-- POST /sum [1, 2, 3.5]
route("POST", "/sum", function(request)
  local sum, numbers = 0, request:json()
  if type(numbers) ~= "table" then
    return 422, "The document must be an array of numbers."
  end
  for _, number in ipairs(numbers) do
    if type(number) ~= "number" then
      return 422, "The document must be an array of numbers."
    end
    sum = sum + number
  end
  return { sum = sum, of = #numbers }
end)

-- What takes too long is ended by its time limit, and answered 504.
route("GET", "/fibonacci/{n}", function(request)
  local function fibonacci(n)
    return n < 2 and n or fibonacci(n - 1) + fibonacci(n - 2)
  end
  local n = math.tointeger(request:path("n"))
  if not n or n < 0 then
    return 400, "Which one must be a whole number from 0."
  end
  return { fibonacci = fibonacci(n) }
end, { time_limit = 2, limit = "20/s" })
