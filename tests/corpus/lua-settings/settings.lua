local values = {}
for index = 2, #arg do
  local name, value = arg[index]:match("^(%w+)=(.*)$")
  values[name] = value
end
for line in io.lines(arg[1]) do
  print((line:gsub("@(%w+)@", values)))
end
