namespace DistillGrpc.Teacher.Extractions;

/// <summary>
/// The tables of extractions. An input has a row from the moment it is appended; whoever works on it is its owner. An event is a row
/// that is finished or a change of state; an extraction's events are numbered 1, 2, 3, ... in the order in which they are committed.
/// </summary>
internal static class ExtractionSchema
{
    /// <summary>Creates what is missing.</summary>
    /// <param name="blob">The database's type of bytes.</param>
    public static string Of(string blob) => $"""
        CREATE TABLE IF NOT EXISTS extractions (
            id TEXT PRIMARY KEY, number BIGINT NOT NULL UNIQUE, request_id TEXT NOT NULL, asked {blob} NOT NULL, spec {blob} NOT NULL,
            state BIGINT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
            inputs BIGINT NOT NULL, accepted BIGINT NOT NULL, rejected BIGINT NOT NULL, is_complete BIGINT NOT NULL,
            sequence BIGINT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL);
        CREATE UNIQUE INDEX IF NOT EXISTS extraction_requests ON extractions (request_id) WHERE request_id <> '';
        CREATE TABLE IF NOT EXISTS extraction_inputs (
            extraction TEXT NOT NULL, ordinal BIGINT NOT NULL, id TEXT NOT NULL, example {blob} NOT NULL, repeats BIGINT NOT NULL,
            priority DOUBLE PRECISION NOT NULL, is_open BIGINT NOT NULL, owner TEXT NOT NULL, tries BIGINT NOT NULL, not_before BIGINT NOT NULL,
            PRIMARY KEY (extraction, ordinal));
        CREATE UNIQUE INDEX IF NOT EXISTS extraction_input_ids ON extraction_inputs (extraction, id);
        CREATE INDEX IF NOT EXISTS extraction_open_inputs ON extraction_inputs (extraction, priority DESC, ordinal) WHERE is_open = 1;
        CREATE TABLE IF NOT EXISTS extraction_events (
            extraction TEXT NOT NULL, sequence BIGINT NOT NULL, kind BIGINT NOT NULL, ordinal BIGINT NOT NULL, payload {blob} NOT NULL, created BIGINT NOT NULL,
            PRIMARY KEY (extraction, sequence));
        CREATE TABLE IF NOT EXISTS extraction_counters (extraction TEXT NOT NULL, name TEXT NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (extraction, name));
        CREATE TABLE IF NOT EXISTS extraction_fingerprints (extraction TEXT NOT NULL, band BIGINT NOT NULL, hash BIGINT NOT NULL, PRIMARY KEY (extraction, band, hash));
        CREATE TABLE IF NOT EXISTS extraction_reports (extraction TEXT NOT NULL, number BIGINT NOT NULL, row_count BIGINT NOT NULL, quality DOUBLE PRECISION NOT NULL, PRIMARY KEY (extraction, number));
        """;
}
