import Foundation

/// Runs `caplet` as a user would and reads what it prints.
struct CapletRunner {
    let executable: String

    /// Runs one command; its progress and notes go to the terminal.
    ///
    /// - Returns: standard output.
    /// - Throws: `DemoError` with the exit status when it is not 0.
    func run(_ arguments: [String]) throws -> Data {
        print("$ caplet " + arguments.joined(separator: " "))
        // Before what the command says of itself.
        fflush(nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw DemoError(description: "caplet \(arguments.first ?? "") ended with status \(process.terminationStatus)")
        }
        return data
    }

    func json<Value: Decodable>(_ type: Value.Type, _ arguments: [String]) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: try run(arguments + ["--json"]))
    }
}

struct DemoError: Error, CustomStringConvertible {
    let description: String
}

/// What the demo needs of `caplet evaluate --original --json`.
struct Evaluation: Decodable {
    let perplexity: Double
    let meanNllDifference: Double
    let meanNllDifferenceStandardError: Double
    let agreement: Double
}

/// What the demo needs of `caplet compress --json`.
struct Compression: Decodable {
    let parametersBefore: Int
    let linearParametersBefore: Int
    let linearParametersAfter: Int
    let seconds: Double
}
