extension Pipeline {
    /// Parses pipeline text: names of letters, digits and "-", settings `name=value` apart by spaces in braces, passes apart
    /// by commas. White space and line ends around them, and "#" comments to the end of a line, mean nothing.
    ///
    /// - Throws: `PipelineError` with the column of what cannot be understood.
    public init(parsing text: String) throws {
        var scanner = PipelineScanner(text)
        invocations = try scanner.pipeline()
    }
}

/// Recursive descent over pipeline text.
private struct PipelineScanner {
    private let characters: [Character]
    private var index = 0

    init(_ text: String) { characters = Array(text) }

    private var column: Int { index + 1 }
    private var current: Character? { index < characters.count ? characters[index] : nil }

    mutating func pipeline() throws -> [PassInvocation] {
        var invocations: [PassInvocation] = []
        skipBlanks()
        while true {
            invocations.append(try invocation())
            skipBlanks()
            guard let separator = current else { return invocations }
            guard separator == "," else { throw PipelineError(column: column, "expected ',' or the end, found '\(separator)'") }
            index += 1
            skipBlanks()
        }
    }

    private mutating func invocation() throws -> PassInvocation {
        let start = column
        let name = try word("the name of a pass")
        skipBlanks()
        guard current == "{" else { return PassInvocation(name, column: start) }
        index += 1
        var settings: [PassInvocation.Setting] = []
        while true {
            skipBlanks()
            guard let next = current else { throw PipelineError(column: column, "'{' of column \(start + name.count) is not closed") }
            if next == "}" {
                index += 1
                return PassInvocation(name, settings, column: start)
            }
            let settingColumn = column
            let setting = try self.setting()
            guard !settings.contains(where: { $0.name == setting.name }) else {
                throw PipelineError(column: settingColumn, "option '\(setting.name)' is given twice")
            }
            settings.append(setting)
        }
    }

    private mutating func setting() throws -> PassInvocation.Setting {
        let name = try word("the name of an option")
        guard current == "=" else { throw PipelineError(column: column, "expected '=' after option '\(name)'") }
        index += 1
        let start = index
        while let next = current, !next.isWhitespace, !"{},=#".contains(next) { index += 1 }
        guard index > start else { throw PipelineError(column: column, "option '\(name)' has no value") }
        return PassInvocation.Setting(name, String(characters[start..<index]))
    }

    private mutating func word(_ what: String) throws -> String {
        let start = index
        while let next = current, next.isASCII, next.isLetter || next.isNumber || next == "-" { index += 1 }
        guard index > start else {
            throw PipelineError(column: column, "expected \(what), found \(current.map { "'\($0)'" } ?? "the end")")
        }
        return String(characters[start..<index])
    }

    private mutating func skipBlanks() {
        while let next = current {
            if next == "#" {
                while let inside = current, !inside.isNewline { index += 1 }
            } else if next.isWhitespace {
                index += 1
            } else {
                return
            }
        }
    }
}
