exports.answer = (name) => `hello, ${name}`;
