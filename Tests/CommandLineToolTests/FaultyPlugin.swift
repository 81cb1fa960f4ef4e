import Foundation
import TestSupport

/// Tests/Fixtures/plugins/faulty.c, compiled with one of its faults, or none.
enum FaultyPlugin {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Makes `name` in `folder` and returns its path.
    ///
    /// - Parameter deed: what it does and where, such as "spin" at "read".
    @discardableResult
    static func make(
        _ fault: String?, deed: (name: String, place: String)? = nil, as name: String = "faulty.so", in folder: String
    ) throws -> String {
        let path = "\(folder)/\(name)"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["cc", "-std=gnu11", "-Wall", "-shared", "-fPIC", "-I", Repository.path("Sources/CCapletPlugin/include"), "-o", path]
            + (fault.map { ["-D", "FAULT_\($0)"] } ?? []) + (deed.map { ["-D", "DO=\($0.name)", "-D", "AT=\($0.place)"] } ?? [])
            + [Repository.path("Tests/Fixtures/plugins/faulty.c")]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: "cc cannot compile fault \(fault ?? "none")") }
        return path
    }
}
