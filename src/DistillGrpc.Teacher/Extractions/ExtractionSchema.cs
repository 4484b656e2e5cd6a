using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>
/// The tables of extractions. An input has a row from the moment it is appended; whoever works on it is its owner. An event is a row
/// that is finished or a change of state; an extraction's events are numbered 1, 2, 3, ... in the order in which they are committed.
/// </summary>
internal static class ExtractionSchema
{
    /// <summary>Creates what is missing.</summary>
    public static string Of(IDialect dialect) => $"""
        CREATE TABLE IF NOT EXISTS extractions (
            id {dialect.Text} PRIMARY KEY, number BIGINT NOT NULL UNIQUE, request_id {dialect.Text} NOT NULL, asked {dialect.Blob} NOT NULL, spec {dialect.Blob} NOT NULL,
            state BIGINT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
            inputs BIGINT NOT NULL, accepted BIGINT NOT NULL, rejected BIGINT NOT NULL, is_complete BIGINT NOT NULL,
            sequence BIGINT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL);
        CREATE UNIQUE INDEX IF NOT EXISTS extraction_requests ON extractions (request_id) WHERE request_id <> '';
        CREATE TABLE IF NOT EXISTS extraction_inputs (
            extraction {dialect.Text} NOT NULL, ordinal BIGINT NOT NULL, id {dialect.Text} NOT NULL, example {dialect.Blob} NOT NULL, repeats BIGINT NOT NULL,
            priority DOUBLE PRECISION NOT NULL, is_open BIGINT NOT NULL, owner TEXT NOT NULL, tries BIGINT NOT NULL, not_before BIGINT NOT NULL,
            PRIMARY KEY (extraction, ordinal));
        CREATE UNIQUE INDEX IF NOT EXISTS extraction_input_ids ON extraction_inputs (extraction, id);
        CREATE INDEX IF NOT EXISTS extraction_open_inputs ON extraction_inputs (extraction, priority DESC, ordinal) WHERE is_open = 1;
        CREATE TABLE IF NOT EXISTS extraction_events (
            extraction {dialect.Text} NOT NULL, sequence BIGINT NOT NULL, kind BIGINT NOT NULL, ordinal BIGINT NOT NULL, payload {dialect.Blob} NOT NULL, created BIGINT NOT NULL,
            PRIMARY KEY (extraction, sequence));
        CREATE TABLE IF NOT EXISTS extraction_counters (extraction {dialect.Text} NOT NULL, name {dialect.Text} NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (extraction, name));
        CREATE TABLE IF NOT EXISTS extraction_fingerprints (extraction {dialect.Text} NOT NULL, band BIGINT NOT NULL, hash BIGINT NOT NULL, PRIMARY KEY (extraction, band, hash));
        CREATE TABLE IF NOT EXISTS extraction_reports (extraction {dialect.Text} NOT NULL, number BIGINT NOT NULL, row_count BIGINT NOT NULL, quality DOUBLE PRECISION NOT NULL, PRIMARY KEY (extraction, number));
        """;
}
