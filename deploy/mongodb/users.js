// Run once by MongoDB's image, when its data directory is new: a user who may write events, and nothing else.
const password = fs.readFileSync("/run/secrets/mongodb_password", "utf8").trim();
db.getSiblingDB("eventsink").createUser({
  user: "eventsink",
  pwd: password,
  roles: [{ role: "readWrite", db: "eventsink" }],
});
