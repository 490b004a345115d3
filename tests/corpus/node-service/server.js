const http = require("http");
const { answer } = require("./lib");

http.createServer((request, response) => response.end(answer(request.url))).listen(3000);
