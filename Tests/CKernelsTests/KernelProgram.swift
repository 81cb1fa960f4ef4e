import Foundation
import TestSupport

/// A program that runs every kernel and prints a digest of each output, compiled for one processor in one way.
struct KernelProgram {
    /// One line: what was run, along which path, and the digest of what came out.
    struct Line: Hashable {
        /// "exact" where the bits are the same on every processor, "rounded" where they need not be.
        let kind: Substring
        let name: Substring
        let path: Substring
        let digest: Substring
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let kernels = root.appendingPathComponent("Sources/CKernels").path
    static let driver = root.appendingPathComponent("Tests/CKernelsTests/Driver").path

    /// Debian's cross compiler has the C library that Swift's clang links.
    static let arm = ["--target=aarch64-linux-gnu", "-static"]

    let lines: [Line]

    /// Compiles the kernels and their driver, and runs them.
    ///
    /// - Parameters:
    ///   - options: of clang, such as what processor it is for.
    ///   - emulator: the program that runs it; nothing for this machine's processor.
    init(_ options: [String], emulator: [String] = []) throws {
        let folder = try TemporaryFolder()
        let program = folder.path("kernels")
        let sources = try [KernelProgram.driver, KernelProgram.kernels].flatMap { folder in
            try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".c") }.sorted().map { "\(folder)/\($0)" }
        }
        let includes = ["-I", "\(KernelProgram.kernels)/include", "-I", KernelProgram.driver]
        _ = try KernelProgram.run(["clang"] + options + includes + sources + ["-o", program, "-lm"])
        lines = try KernelProgram.run(emulator + [program]).split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            guard words.count == 4 else { throw Failure(description: "the driver printed '\(line)'") }
            return Line(kind: words[0], name: words[1], path: words[2], digest: words[3])
        }
    }

    /// - Throws: `Failure` with what the program said when it ends with another status than 0: what is missing is no reason to skip.
    private static func run(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let folder = try TemporaryFolder()
        let errors = folder.path("stderr")
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let said = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
            throw Failure(description: "\(command[0]) ended with status \(process.terminationStatus):\n\(said.suffix(2000))")
        }
        return text
    }
}
