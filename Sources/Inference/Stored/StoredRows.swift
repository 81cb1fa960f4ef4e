import CKernels
import ModelGraph

/// Products with rows of floats of 16 or 32 bits. Those of many tokens are made in tiles that stay in registers: the same sums, several
/// times as fast.
struct StoredRows {
    let dtype: DType
    let columns: Int

    /// Fewer tokens than this leave most of a tile empty.
    static let leastTiledTokens = 8

    static func areTiled(tokens: Int) -> Bool { tokens >= leastTiledTokens }

    func preparedCount(tokens: Int) -> Int { StoredRows.areTiled(tokens: tokens) ? caplet_tiled_inputs_count(tokens, columns) : 0 }

    func prepare(_ input: UnsafePointer<Float>, tokens: Int, into prepared: UnsafeMutablePointer<Float>) {
        caplet_tile_inputs(input, tokens, columns, prepared)
    }

    /// output[tokens, stride] += the product of the inputs, as `prepare` made them of many tokens, with so many rows that begin at `weights`.
    func add(
        _ weights: UnsafeRawPointer, count: Int, of input: UnsafePointer<Float>, tokens: Int, to output: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        guard StoredRows.areTiled(tokens: tokens) else {
            switch dtype {
            case .f16: return caplet_rows_product_f16(weights, count, columns, input, columns, tokens, output, stride)
            case .bf16: return caplet_rows_product_bf16(weights, count, columns, input, columns, tokens, output, stride)
            default: return caplet_rows_product_f32(weights, count, columns, input, columns, tokens, output, stride)
            }
        }
        withVectorRoom(caplet_tiled_room(columns)) { room in
            switch dtype {
            case .f16: caplet_tiled_product_f16(weights, count, columns, input, tokens, output, stride, room)
            case .bf16: caplet_tiled_product_bf16(weights, count, columns, input, tokens, output, stride, room)
            default: caplet_tiled_product_f32(weights, count, columns, input, tokens, output, stride, room)
            }
        }
    }
}

/// Calls `body` with room for floats that begins where the widest vectors are loaded at once.
func withVectorRoom(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: count * MemoryLayout<Float>.stride, alignment: 64) { room in
        if let base = room.bindMemory(to: Float.self).baseAddress { body(base) }
    }
}
