import LinearAlgebra
import ModelGraph

/// A small graph with the structure of a LLaMA model, for passes.
public enum SampleModel {
    /// Blocks of linear layers with known weights, norms, an embedding and a head.
    ///
    /// - Parameter weight: makes the weight of a linear layer [out, in] by name.
    public static func graph(
        blocks: Int = 2, hidden: Int = 24, intermediate: Int = 40, dtype: DType = .f32,
        weight: ((String, Int, Int) -> Matrix)? = nil
    ) throws -> TensorGraph {
        var graph = TensorGraph()
        var seed: UInt64 = 100
        func add(_ name: String, _ rows: Int, _ columns: Int, _ role: TensorRole) throws {
            seed += 1
            let matrix =
                role == .linear
                ? weight?(name, rows, columns) ?? heavyTailed(rows, columns, seed: seed) : heavyTailed(rows, columns, seed: seed)
            try graph.append(Tensor(name: name, dense: DenseTensor(matrix, dtype: dtype), role: role))
        }
        try add("model.embed_tokens.weight", 64, hidden, .embedding)
        for block in 0..<blocks {
            let prefix = "model.layers.\(block)."
            let norm = try DenseTensor(floats: [Float](repeating: 1, count: hidden), shape: Shape(count: hidden), dtype: dtype)
            try graph.append(Tensor(name: prefix + "input_layernorm.weight", dense: norm, role: .norm))
            for name in ["q_proj", "k_proj", "v_proj", "o_proj"] { try add(prefix + "self_attn.\(name).weight", hidden, hidden, .linear) }
            try add(prefix + "mlp.up_proj.weight", intermediate, hidden, .linear)
            try add(prefix + "mlp.down_proj.weight", hidden, intermediate, .linear)
            graph.structure.inputGroups += [
                InputGroup(name: "attention-input", block: block, members: ["q", "k", "v"].map { prefix + "self_attn.\($0)_proj.weight" }),
                InputGroup(name: "attention-output", block: block, members: [prefix + "self_attn.o_proj.weight"]),
                InputGroup(name: "mlp-input", block: block, members: [prefix + "mlp.up_proj.weight"]),
                InputGroup(name: "mlp-output", block: block, members: [prefix + "mlp.down_proj.weight"]),
            ]
        }
        try add("lm_head.weight", 64, hidden, .head)
        graph.structure.architecture = "llama"
        return graph
    }

    /// Token ids below 4096 that look random: (row · 7919 + position · 104729) mod 4096.
    public static func tokens(row: Int, count: Int) -> [Int32] {
        (0..<count).map { position in Int32((row * 7919 + position * 104_729) % 4096) }
    }

    /// Entries with tails longer than a normal's, as trained weights have.
    public static func heavyTailed(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
        var matrix = Matrix.random(rows, columns, seed: seed)
        for index in matrix.elements.indices { matrix.elements[index] *= 0.05 * abs(matrix.elements[index]) }
        return matrix
    }
}
