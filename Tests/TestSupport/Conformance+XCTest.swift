@_exported import Conformance
import XCTest

extension FormatConformance {
    /// Runs the suite as part of a test.
    public func run(file: StaticString = #filePath, line: UInt = #line) throws {
        for check in checks() { for failure in check.failures { XCTFail("\(check.name): \(failure)", file: file, line: line) } }
    }
}

extension PassConformance {
    /// Runs the suite as part of a test.
    public func run(file: StaticString = #filePath, line: UInt = #line) throws {
        for check in checks() { for failure in check.failures { XCTFail("\(check.name): \(failure)", file: file, line: line) } }
    }
}
