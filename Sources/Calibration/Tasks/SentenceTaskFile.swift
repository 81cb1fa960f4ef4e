import StrictJSON

/// The records of a file of GLUE: tab-separated with the columns that the published files have, or an object a line with the hub's keys.
public struct SentenceTaskFile: Sendable {
    public let task: SentenceTask
    public let records: [SentenceRecord]

    private typealias Line = (number: Int, text: String)

    /// - Throws: `TaskError` with the line, counted from 1.
    public init(parsing text: String) throws {
        let lines = SentenceTaskFile.lines(text)
        guard let first = lines.first else { throw TaskError(line: nil, "has no records") }
        if first.text.first == "{" {
            (task, records) = try SentenceTaskFile.objects(lines)
        } else {
            (task, records) = try SentenceTaskFile.table(lines)
        }
        guard !records.isEmpty else { throw TaskError(line: nil, "has no records") }
    }

    /// Whether the first line is that of a file of GLUE: what a model that answers questions cannot be asked.
    public static func isKnown(_ text: String) -> Bool {
        guard let first = lines(text).first else { return false }
        if first.text.first == "{" {
            guard let json = try? JSONValue(strict: first.text.utf8) else { return false }
            return SentenceTask.records.contains { $0.names.allSatisfy { json[$0] != nil } }
        }
        let cells = cells(first.text)
        return SentenceTask.tables.contains { $0.names.allSatisfy(cells.contains) } || isCoLA(cells)
    }

    /// Lines that are not blank, without a byte order mark and carriage returns.
    private static func lines(_ text: String) -> [Line] {
        var bytes = Array(text.utf8)[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        var lines: [Line] = []
        for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            let line = line.last == 13 ? line.dropLast() : line
            guard line.contains(where: { $0 != 32 && $0 != 9 }) else { continue }
            lines.append((index + 1, String(decoding: line, as: UTF8.self)))
        }
        return lines
    }

    /// Between tabs; a quote is a character like others.
    private static func cells(_ line: String) -> [String] {
        line.utf8.split(separator: 9, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A source, 0 or 1, a remark and the sentence: CoLA's file has no header.
    private static func isCoLA(_ cells: [String]) -> Bool { cells.count == 4 && ["0", "1"].contains(cells[1]) }

    private static func table(_ lines: [Line]) throws -> (SentenceTask, [SentenceRecord]) {
        let header = cells(lines[0].text)
        if isCoLA(header) {
            let records = try lines.map { line in
                let cells = cells(line.text)
                guard isCoLA(cells) else {
                    throw TaskError(line: line.number, "is no line of CoLA: a source, 0 or 1, a remark, a sentence")
                }
                return SentenceRecord(first: cells[3], second: nil, label: label(cells[1]), line: line.number)
            }
            return (.cola, records)
        }
        guard let columns = SentenceTask.tables.first(where: { $0.names.allSatisfy(header.contains) }) else {
            let texts = SentenceTask.tables.contains { [$0.first, $0.second].compactMap { $0 }.allSatisfy(header.contains) }
            throw TaskError(
                line: lines[0].number,
                texts
                    ? "has no column of labels: a test set, whose labels are not published"
                    : "has the columns of no known task: \(SentenceTaskFile.known(SentenceTask.tables)); cola has none")
        }
        func place(_ name: String) -> Int { header.firstIndex(of: name) ?? 0 }
        let records = try lines.dropFirst().map { line in
            let cells = cells(line.text)
            guard cells.count == header.count else {
                throw TaskError(line: line.number, "has \(cells.count) columns, the first line \(header.count)")
            }
            return SentenceRecord(
                first: cells[place(columns.first)], second: columns.second.map { cells[place($0)] },
                label: try checked(label(cells[place(columns.label)]), line.number), line: line.number)
        }
        return (columns.task, records)
    }

    private static func known(_ columns: [SentenceTask.Columns]) -> String {
        columns.map { "\($0.task.rawValue) \($0.names.joined(separator: ", "))" }.joined(separator: "; ")
    }

    private static func label(_ cell: String) -> SentenceRecord.Label { Double(cell).map(SentenceRecord.Label.number) ?? .name(cell) }

    /// - Throws: `TaskError` for what stands where there is no label.
    private static func checked(_ label: SentenceRecord.Label, _ line: Int) throws -> SentenceRecord.Label {
        switch label {
        case .number(-1), .name("-"), .name(""): throw TaskError(line: line, "is not labelled")
        case .number(let value) where !value.isFinite: throw TaskError(line: line, "has the label \(value)")
        default: return label
        }
    }

    private static func objects(_ lines: [Line]) throws -> (SentenceTask, [SentenceRecord]) {
        var task: SentenceTask?
        let records = try lines.map { line in
            func fail(_ message: String) -> TaskError { TaskError(line: line.number, message) }
            let json: JSONValue
            do { json = try JSONValue(strict: line.text.utf8) } catch { throw fail("\(error)") }
            guard let columns = SentenceTask.records.first(where: { $0.names.allSatisfy { json[$0] != nil } }) else {
                throw fail("has the keys of no known task: \(known(SentenceTask.records))")
            }
            if let task, task != columns.task { throw fail("is of \(columns.task.rawValue), the lines before it of \(task.rawValue)") }
            task = columns.task
            func text(_ key: String) throws -> String {
                guard let text = json[key]?.string else { throw fail("'\(key)' is no string") }
                return text
            }
            let value = json[columns.label]
            guard let found = value?.number.map(SentenceRecord.Label.number) ?? value?.string.map(label) else {
                throw fail("'\(columns.label)' is neither a number nor a name")
            }
            return SentenceRecord(
                first: try text(columns.first), second: try columns.second.map(text), label: try checked(found, line.number),
                line: line.number)
        }
        return (task ?? .sentence, records)
    }
}
