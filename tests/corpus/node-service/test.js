const assert = require("assert");
const { answer } = require("./lib");

assert.strictEqual(answer("you"), "hello, you");
console.log("1 passed");
