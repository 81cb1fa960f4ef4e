import Foundation
import LinearAlgebra

/// The checkpoint that comes with the package, Examples/wren-7m, read by Python's safetensors: independent of our readers.
public enum BundledModel {
    public static var folder: String { root.appendingPathComponent("Examples/wren-7m").path }
    public static var text: String { root.appendingPathComponent("Examples/text/speeches-evaluation.txt").path }
    public static var calibrationText: String { root.appendingPathComponent("Examples/text/speeches-calibration.txt").path }

    public static var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    /// Some matrices of the checkpoint as floats.
    public static func matrices(_ names: [String]) throws -> [Matrix] {
        let temporary = try TemporaryFolder()
        return try names.map { name in
            let path = temporary.path("matrix.bin")
            let shape = try PythonProcess.run(
                """
                import sys
                from safetensors import safe_open
                with safe_open(sys.argv[1], 'pt') as f:
                    t = f.get_tensor(sys.argv[2]).float()
                t.numpy().tofile(sys.argv[3]); print(*t.shape)
                """, ["\(folder)/model.safetensors", name, path])
            let sizes = shape.split { $0.isWhitespace }.compactMap { Int($0) }
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            let elements = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
            return Matrix(rows: sizes[0], columns: sizes[1], elements: elements)
        }
    }
}
