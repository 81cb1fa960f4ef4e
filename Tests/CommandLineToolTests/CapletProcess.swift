import CLibrary
import Foundation
import XCTest

/// Runs the `caplet` that was built with the tests.
struct CapletProcess {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let status: Int32
    let output: String
    let errors: String

    /// The folder of the test bundle, where the products lie.
    static var productsFolder: String {
        get throws {
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/self/exe", &buffer, buffer.count)
            let executable = String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            for start in [executable, CommandLine.arguments[0], Bundle.main.bundlePath] {
                let folder = URL(fileURLWithPath: start).deletingLastPathComponent().path
                if FileManager.default.isExecutableFile(atPath: folder + "/caplet") { return folder }
            }
            throw Failure(description: "no caplet beside \(executable); swift build makes it")
        }
    }

    /// Runs a line of bash in `folder`, with the tool's folder first in PATH.
    static func shell(_ line: String, in folder: String) throws -> CapletProcess {
        let process = try start(line, in: folder)
        return try process.wait()
    }

    /// Runs `caplet` with arguments.
    static func run(_ arguments: [String], in folder: String) throws -> CapletProcess {
        try shell("exec caplet " + arguments.map(quoted).joined(separator: " "), in: folder)
    }

    static func start(_ line: String, in folder: String) throws -> Running { try Running(line, folder) }

    private static func quoted(_ argument: String) -> String { "'" + argument.replacingOccurrences(of: "'", with: "'\\''") + "'" }

    /// A process under way; its output goes to files, which no amount of it can block.
    final class Running {
        let process = Process()
        private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("caplet-run-\(UUID().uuidString)")

        init(_ line: String, _ working: String) throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            process.arguments = ["-c", line]
            process.currentDirectoryURL = URL(fileURLWithPath: working)
            var environment = ProcessInfo.processInfo.environment
            environment["PATH"] = try CapletProcess.productsFolder + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
            environment["COLUMNS"] = "80"
            environment["CAPLET_PLUGIN_PATH"] = nil
            environment["LC_ALL"] = "C.UTF-8"
            process.environment = environment
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = try file("stdout")
            process.standardError = try file("stderr")
            try process.run()
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        private func file(_ name: String) throws -> FileHandle {
            let url = folder.appendingPathComponent(name)
            _ = FileManager.default.createFile(atPath: url.path, contents: nil)
            return try FileHandle(forWritingTo: url)
        }

        func wait() throws -> CapletProcess {
            process.waitUntilExit()
            func text(_ name: String) throws -> String {
                String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
            }
            // Death by a signal has no status of its own: 1000 + its number.
            let status = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 1000 : 0)
            return CapletProcess(status: status, output: try text("stdout"), errors: try text("stderr"))
        }
    }
}
