import Execution
import FormatKit
import ModelGraph

/// What every format must do with a file that it reads: recognise it, read all of it, the same each time, and refuse damage.
public struct ReadingConformance {
    private let format: any Format
    private let sample: String
    private let log = ConformanceLog()

    /// - Parameter sample: a small file of the format.
    public init(_ format: any Format, sample: String) {
        self.format = format
        self.sample = sample
    }

    /// Runs every check.
    public func checks() -> [ConformanceCheck] {
        log.check("the sample is recognised and read, twice the same") {
            log.expect(format.recognises(try FileProbe(path: sample)), "does not recognise \(sample)")
            let (first, second) = (try contents(sample), try contents(sample))
            log.expectEqual(first, second, "\(sample) read twice")
        }
        log.check("files that end early are refused") {
            try eachChange { bytes, positions, read in
                for length in positions {
                    if case .accepted = read(Array(bytes[..<length])) { log.fail("cut to \(length) of \(bytes.count) bytes: accepted") }
                }
            }
        }
        log.check("changed bytes are read or refused") {
            try eachChange { bytes, positions, read in
                for position in positions {
                    for change: UInt8 in [0x01, 0x80, 0xFF] {
                        var changed = bytes
                        changed[position] ^= change
                        _ = read(changed)
                    }
                }
            }
        }
        return log.checks
    }

    private func contents(_ path: String) throws -> [String] {
        try format.read(path, ReadContext()).tensors.map { tensor in
            "\(tensor.name) \(tensor.dtype.rawValue) \(tensor.shape) \(FormatConformance.digest(try FormatConformance.denseBytes(tensor)))"
        }
    }

    private func eachChange(
        _ body: (_ bytes: [UInt8], _ positions: [Int], _ read: ([UInt8]) -> FormatConformance.Outcome) throws -> Void
    ) throws {
        let bytes = try TemporaryFolder.bytes(of: sample)
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, as: sample.split(separator: "/").last.map(String.init) ?? "sample")
        try body(bytes, FormatConformance.positions(in: bytes.count)) { changed in
            do { try TemporaryFolder.put(changed, at: path) } catch { return .failed(error) }
            let outcome = FormatConformance.readEverything(format, at: path)
            if case .failed(let error) = outcome { log.fail("\(error)") }
            return outcome
        }
    }
}
