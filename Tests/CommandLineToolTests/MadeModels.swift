import TestSupport
import XCTest

/// Tests of models that Python makes once for all of them: commands run in their folder.
protocol MadeModels {
    static var folder: TemporaryFolder? { get }
}

extension MadeModels {
    func path(_ name: String = "") throws -> String { try XCTUnwrap(Self.folder, "transformers made no models").path(name) }

    /// Runs `caplet` with a line of arguments, which ends with a status.
    @discardableResult
    func caplet(_ line: String, status: Int32 = 0) throws -> CapletProcess {
        let result = try CapletProcess.shell("caplet \(line) --no-progress", in: path())
        XCTAssertEqual(result.status, status, "\(line): \(result.errors)")
        return result
    }
}

extension CapletProcess {
    func expectSuccess() { XCTAssertEqual(status, 0, errors) }
}
