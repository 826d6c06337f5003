/**
 * Loaded before anything that has a class extend String, as ioredis does: at such a class V8 (of Node 24) takes the methods
 * of all strings for ones that may change, no longer inlines them, and `charCodeAt` in a loop then takes five times as long
 * for as long as the process lives. Not so when String's prototype has been walked as the prototype of an object before.
 */
for (const _ in Object(''));
