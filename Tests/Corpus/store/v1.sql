-- A store as version 1 of its tables has left it. Sealed with "a text of thirty-two characters!".
PRAGMA application_id = 1196905300;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT NULL,
    action TEXT NOT NULL, resource TEXT NOT NULL, record TEXT NOT NULL, fields TEXT NOT NULL,
    outcome TEXT NOT NULL, request_id TEXT NOT NULL);
INSERT INTO "audit" VALUES(1,1700000000000,'cli:root','local','create','keys','key_1','["/name","/groups"]','done','');
INSERT INTO "audit" VALUES(2,1700000001000,'user:admin','127.0.0.1','delete','keys','key_2','[]','done','');
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('vault.current',X'34653031636363386636303030303562');
INSERT INTO "meta" VALUES('vault.hash',X'677773312E346530316363633866363030303035622E77426E4C35644F4E6E49535269756144614843724E6446694A426E5138516249735750766B564E53625F797A46324B74576E39754834787535344A5A784665355F367766504B76454368426A4461424B');
CREATE TABLE record_references (
    collection TEXT NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL, target_collection TEXT NOT NULL,
    target_id TEXT NOT NULL,
    PRIMARY KEY (collection, id, field, target_collection, target_id)) WITHOUT ROWID;
INSERT INTO "record_references" VALUES('keys','key_1','/groups/0','groups','grp_1');
CREATE TABLE records (
    number INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL,
    gone INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, label TEXT NOT NULL,
    document BLOB NOT NULL);
INSERT INTO "records" VALUES(1,'groups','grp_1',1,0,1795670943698,1795670943698,'all',X'7B226E616D65223A22616C6C227D');
INSERT INTO "records" VALUES(2,'keys','key_1',2,0,1795670943703,1795670943703,'one',X'7B226E616D65223A226F6E65222C2267726F757073223A5B226772705F31225D7D');
INSERT INTO "records" VALUES(3,'accounts','acc_1',3,0,1795670943704,1795670943704,'main',X'7B226E616D65223A226D61696E222C226170695F6B6579223A22677773312E346530316363633866363030303035622E6A6874456D373845645250616C3143685A4E7070496A6353413277585A725765655567422D5265694D4B54644D4A416566464D4D4B474F70435830227D');
INSERT INTO "records" VALUES(4,'keys','key_2',5,1,1795670943709,1795670943712,'',X'');
CREATE TABLE sequence (revision INTEGER NOT NULL);
INSERT INTO "sequence" VALUES(5);
CREATE TABLE unique_values (
    collection TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (collection, field, value)) WITHOUT ROWID;
INSERT INTO "unique_values" VALUES('keys','/name','one','key_1');
CREATE UNIQUE INDEX records_by_id ON records (collection, id);
CREATE UNIQUE INDEX records_by_revision ON records (collection, revision);
CREATE INDEX records_gone ON records (updated) WHERE gone = 1;
CREATE INDEX unique_values_by_id ON unique_values (collection, id);
CREATE INDEX record_references_by_target ON record_references (target_collection, target_id);
CREATE INDEX audit_by_record ON audit (resource, record);
CREATE INDEX audit_by_actor ON audit (actor);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',2);
COMMIT;
